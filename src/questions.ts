import type { QueryTypeSchema, Schema } from './schema';
import type { SightlineQuery } from './types';

/** The groups in which questions are offered, in this order. */
export const topics = ['experience', 'causes', 'errors', 'visits', 'changes', 'pipeline', 'more'] as const;
export type Topic = (typeof topics)[number];

/** A field of the editor; most have the name of the query's key that they set. */
export type Field =
  | 'metric'
  | 'percentile'
  | 'section'
  | 'journey'
  | 'sessionId'
  | 'traceId'
  | 'groupBy'
  | 'filters'
  | 'compare'
  | 'measure'
  | 'minSamples'
  | 'limit'
  | 'exemplars'
  | 'window'
  | 'baseline';

/** Where a question uses a field: anywhere, nowhere, or in some formats, or in some parts of them as "table/steps". */
type Use = boolean | readonly string[];

interface Question {
  topic: Topic;
  /** Where this differs from what the backend's schema says (usesOf), which is all that an unlisted question has. */
  fields?: Partial<Record<Field, Use>>;
  /** Leaving the measure out means all of them, where otherwise the first is meant. */
  allMeasures?: true;
  /** It is always about two times; leaving the other out means the period before. */
  comparesAlways?: true;
}

const numbers = ['timeseries', 'table', 'numeric'];

/** What the schema cannot know: where people look for a question, and what else it uses. The order is that of the list. */
const questions: Record<string, Question> = {
  vitalsOverview: { topic: 'experience', fields: { minSamples: true } },
  vitals: {
    topic: 'experience',
    fields: { metric: true, measure: ['timeseries', 'numeric'], percentile: numbers, minSamples: numbers },
  },
  journeys: {
    topic: 'experience',
    fields: {
      journey: true,
      metric: ['timeseries'],
      percentile: ['table/steps'],
      groupBy: ['timeseries', 'table/steps'],
      minSamples: true,
    },
  },
  attribution: { topic: 'causes', fields: { percentile: true, minSamples: true } },
  pages: { topic: 'causes', fields: { metric: ['timeseries'], percentile: true, minSamples: true } },
  requests: { topic: 'causes', fields: { metric: ['timeseries', 'numeric'], percentile: true, minSamples: true } },
  resources: { topic: 'causes', fields: { percentile: true, minSamples: true } },
  actions: { topic: 'causes', fields: { percentile: ['table'], minSamples: ['table'] } },
  errors: { topic: 'errors' },
  errorBursts: { topic: 'errors', fields: { window: true, baseline: true } },
  sessions: { topic: 'visits' },
  session: { topic: 'visits', fields: { sessionId: true } },
  traces: { topic: 'visits', fields: { traceId: true, sessionId: true } },
  releases: { topic: 'changes', fields: { percentile: true, minSamples: true }, allMeasures: true },
  impact: {
    topic: 'changes',
    fields: { metric: true, measure: true, percentile: true, minSamples: true },
    comparesAlways: true,
  },
  evidence: {
    topic: 'changes',
    fields: { metric: true, section: ['numeric'], compare: true, minSamples: true },
    allMeasures: true,
    comparesAlways: true,
  },
  deploys: { topic: 'changes' },
  telemetry: {
    topic: 'pipeline',
    fields: { metric: ['timeseries', 'numeric'], groupBy: ['timeseries', 'numeric', 'table/traces'] },
  },
};

/** Whether an answer is about two times in any case. */
export function comparesAlways(type: QueryTypeSchema): boolean {
  return questions[type.name]?.comparesAlways ?? false;
}

/** Where a query is written, which decides what can be asked there. */
export type Place = 'panel' | 'alert' | 'annotation';

/** The formats of a question that make sense in a place, the default first. None: it cannot be asked there. */
export function formatsIn(type: QueryTypeSchema, place: Place): string[] {
  switch (place) {
    case 'alert':
      return type.formats.filter((format) => type.alertable.includes(format));
    case 'annotation':
      return type.formats.filter((format) => format === 'annotations');
    case 'panel':
      return type.formats.filter((format) => format !== 'annotations');
  }
}

export interface Offered {
  topic: Topic;
  types: QueryTypeSchema[];
}

/** The questions that can be asked in a place, by topic. Template variables have an editor of their own. */
export function offeredIn(schema: Schema, place: Place): Offered[] {
  const listed = Object.keys(questions);
  const rank = ({ name }: QueryTypeSchema) => (listed.includes(name) ? listed.indexOf(name) : listed.length);
  const types = schema.queryTypes
    .filter((type) => type.name !== 'variable' && formatsIn(type, place).length)
    .sort((a, b) => rank(a) - rank(b));
  return topics
    .map((topic) => ({ topic, types: types.filter(({ name }) => topicOf(name) === topic) }))
    .filter((offered) => offered.types.length);
}

function topicOf(name: string): Topic {
  return questions[name]?.topic ?? 'more';
}

/** Whether a question uses a field as it is asked by a query, or in any way when none is given. */
export function uses(type: QueryTypeSchema, field: Field, query?: Pick<SightlineQuery, 'format' | 'section'>): boolean {
  const use = usesOf(type)[field] ?? false;
  if (typeof use === 'boolean') {
    return use;
  }
  const format = query?.format ?? type.formats[0];
  const part = `${format}/${query?.section ?? type.sections?.[0]}`;
  return !query || use.includes(format) || use.includes(part);
}

function usesOf(type: QueryTypeSchema): Partial<Record<Field, Use>> {
  return {
    metric: Boolean(type.metrics?.length),
    section: type.sections && type.sections.length > 1 ? ['table'] : false,
    compare: ['table'],
    limit: true,
    minSamples: !(type.name in questions),
    groupBy: true,
    exemplars: type.exemplars ? ['timeseries', 'table'] : false,
    ...questions[type.name]?.fields,
    ...(type.groups ? {} : { groupBy: false }),
    ...(type.dimensions.length ? { filters: true } : {}),
    ...(type.compares ? {} : { compare: false }),
  };
}

export interface Measures {
  keys: string[];
  /** What leaving it out means; undefined: all of them. */
  fallback?: string;
  /** Whether a site has measures of its own beside these. */
  custom: boolean;
}

/** What a question measures: what the schema names, or the Web Vitals and a site's own timings. */
export function measuresOf(type: QueryTypeSchema, schema: Schema): Measures {
  const keys = type.metrics?.length ? type.metrics : schema.metrics.map(({ key }) => key);
  return {
    keys,
    fallback: questions[type.name]?.allMeasures ? undefined : keys[0],
    custom: !type.metrics?.length,
  };
}

/** Whether a query says enough to be sent. */
export function isComplete(query: SightlineQuery): boolean {
  switch (query.queryType) {
    case 'variable':
      return Boolean(query.dimension);
    case 'session':
      return Boolean(query.sessionId);
    default:
      return true;
  }
}
