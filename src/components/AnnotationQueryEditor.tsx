import type { QueryEditorProps } from '@grafana/data';
import React from 'react';
import type { DataSource } from '../datasource';
import { defaultQuery } from '../defaults';
import type { SightlineQuery, SightlineSettings } from '../types';
import { QuestionEditor } from './QueryEditor';

type Props = QueryEditorProps<DataSource, SightlineQuery, SightlineSettings>;

/** Chooses what is marked on a dashboard's graphs. */
export function AnnotationQueryEditor({ query, ...rest }: Props) {
  const complete = { ...defaultQuery('annotation'), ...query };
  return <QuestionEditor {...rest} stored={query} query={complete} place="annotation" />;
}
