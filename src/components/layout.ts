import type { TimeRange } from '@grafana/data';
import type { DataSource } from '../datasource';
import type { QueryTypeSchema, Schema } from '../schema';
import type { SightlineQuery } from '../types';

/** Of the first label in every row, in Grafana's units of 8 px, so that the fields line up. */
export const labelWidth = 16;

/** What every part of the query editor gets. */
export interface PartProps {
  /** Unique on the page; the part adds its own suffix. */
  id: string;
  datasource: DataSource;
  schema: Schema;
  /** What the backend says of the query's question. */
  type: QueryTypeSchema;
  query: SightlineQuery;
  range?: TimeRange;
  /** Changes some fields of the query, and runs it if it then asks something else. */
  set: (part: Partial<SightlineQuery>) => void;
}
