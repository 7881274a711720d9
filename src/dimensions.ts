import type { SelectableValue } from '@grafana/data';
import { labels } from './labels';
import type { QueryType } from './types';

/** What every kind of beacon can be grouped by and filtered on. */
const common = [
  'route',
  'browser',
  'browserVersion',
  'os',
  'device',
  'country',
  'region',
  'connection',
  'release',
  'journey',
  'navigationType',
  'environment',
  'app',
  'traffic',
] as const;

const ofErrors = ['fingerprint', 'errorType'] as const;

/** A session has one of these for its whole length (and a list of routes). */
const ofSessions = [
  'route',
  'browser',
  'browserVersion',
  'os',
  'device',
  'country',
  'region',
  'connection',
  'release',
  'environment',
  'traffic',
] as const;

type Dimension = (typeof common)[number] | (typeof ofErrors)[number];

/** What a template variable can list: the values of a dimension, or the names of the metrics. */
export const listable: ReadonlyArray<Dimension | 'metric'> = [...common, ...ofErrors, 'metric'];

/** The dimensions that ad hoc filters offer: the ones no query type refuses. */
export const sharedDimensions: readonly Dimension[] = ofSessions;

/** The dimensions a query of this type can be grouped by and filtered on, the most telling first. */
export function dimensionsOf(type: QueryType): readonly Dimension[] {
  switch (type) {
    case 'errors':
      return [...common, ...ofErrors];
    case 'sessions':
      return ofSessions;
    default:
      return common;
  }
}

/** A dimension as an entry of a list. A name that is not ours is shown as it is: it may be a template variable. */
export function dimensionOption(key: string): SelectableValue<string> {
  return { value: key, label: (labels.dimensions as Record<string, string>)[key] ?? key };
}
