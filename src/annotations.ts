import type { AnnotationQuery, AnnotationSupport } from '@grafana/data';
import { AnnotationQueryEditor } from './components/AnnotationQueryEditor';
import { defaultQuery } from './defaults';
import type { SightlineQuery } from './types';

/** Marks on a dashboard's graphs: deploys, releases first seen, and error bursts with their beginning and end. */
export const annotations: AnnotationSupport<SightlineQuery> = {
  QueryEditor: AnnotationQueryEditor,

  getDefaultQuery: () => defaultQuery('annotation'),

  /** The default that the editor shows is not saved until something is changed, so it is filled in here as well. */
  prepareQuery: ({ target }: AnnotationQuery<SightlineQuery>) => ({
    refId: 'Anno',
    ...defaultQuery('annotation'),
    ...target,
  }),
};
