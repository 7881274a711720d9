import type { AnnotationQuery } from '@grafana/data';
import { expect, test } from 'vitest';
import { annotations } from './annotations';
import type { SightlineQuery } from './types';

const annotation = (target?: SightlineQuery) => ({ name: 'Marks', target }) as AnnotationQuery<SightlineQuery>;

test('a new annotation marks deploys, before anything was chosen', () => {
  const deploys = { queryType: 'deploys', format: 'annotations' };
  expect(annotations.getDefaultQuery?.()).toEqual(deploys);
  expect(annotations.prepareQuery?.(annotation())).toEqual({ refId: 'Anno', ...deploys });
});

test('what was chosen is asked', () => {
  const bursts = { refId: 'Anno', queryType: 'errorBursts', format: 'annotations', window: '10m' };
  expect(annotations.prepareQuery?.(annotation(bursts))).toEqual(bursts);
});
