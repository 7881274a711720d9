import type { SelectableValue } from '@grafana/data';
import { nameOf } from './names';

/** What can be asked, as the backend's /schema resource tells it. A type the backend adds is in it, and so in the editor. */
export interface Schema {
  queryTypes: QueryTypeSchema[];
  /** The Web Vitals. */
  metrics: Array<{ key: string; name: string; unit: string; good: number; poor: number }>;
  operators: string[];
}

export interface QueryTypeSchema {
  name: string;
  /** The formats it answers in, the default first. */
  formats: string[];
  /** Those of them that an alert rule can evaluate. */
  alertable: string[];
  /** What it can be grouped by and filtered on. Of a variable: whose values can be listed. */
  dimensions: Dimension[];
  /** What it measures, where that is not the Web Vitals; the default first. */
  metrics?: string[];
  /** What of its metric it tells, where there is a choice; the default first. */
  measures?: string[];
  /** The parts of its answer, where it has several; the default first. */
  sections?: string[];
  /** Whether it shows single sessions, which need the data source's session role. */
  sessionLevel: boolean;
  /** Whether its answer can be split into segments. */
  groups: boolean;
  /** Whether its table can be held against another time. */
  compares: boolean;
  /** Whether its series and tables can name their worst samples. */
  exemplars?: boolean;
}

export interface Dimension {
  key: string;
  name: string;
}

export function typeOf(schema: Schema, name: string | undefined): QueryTypeSchema | undefined {
  return schema.queryTypes.find((type) => type.name === name);
}

/** A dimension as an entry of a list. A key the backend does not know is shown as it is: it may be a template variable. */
export function dimensionOption(key: string, dimensions: Dimension[]): SelectableValue<string> {
  return { value: key, label: dimensions.find((dimension) => dimension.key === key)?.name ?? nameOf(key) };
}
