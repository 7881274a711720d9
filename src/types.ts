import type { DataSourceJsonData } from '@grafana/data';
import type { DataQuery } from '@grafana/schema';

export type Operator = '=' | '!=' | '=~' | '!~';

/** A condition on a dimension. Several values mean any of them with = and =~, none of them with != and !~. */
export interface Filter {
  key: string;
  operator: Operator;
  values: string[];
}

/** The time an answer is held against: a word the backend knows, or a window as RFC 3339 or Unix milliseconds. */
export type Compare = string | { from: string; to: string };

/** A number, or a template variable that has one. The backend reads both. */
export type NumberOrVariable = number | string;

/**
 * The query JSON that panels, alert rules, Explore and provisioning share. The backend fills in what is left out, knows
 * the query types with their formats and dimensions, and tells the editors in its schema (schema.ts).
 */
export interface SightlineQuery extends DataQuery {
  queryType?: string;
  /** Empty: the data source's default. */
  app?: string;
  /** Empty: the data source's default. "*": all of them. */
  environment?: string;
  /** What is measured: a Web Vital or the name of a custom timing, or one of the question's own measures. */
  metric?: string;
  /** In percent, 1 … 99.9. */
  percentile?: NumberOrVariable;
  /** Up to three dimensions. */
  groupBy?: string[];
  filters?: Filter[];
  format?: string;
  /** Fewer samples than this are "not enough data" and not a number. */
  minSamples?: NumberOrVariable;
  limit?: NumberOrVariable;
  /** Also the worst samples with their traces: dots on a series, columns of a table. */
  exemplars?: boolean;
  compare?: Compare;
  /** Of impact: what of the metric is looked at, its percentile or the share of poor samples. */
  measure?: string;
  /** Of a question whose answer has several parts: which one. */
  section?: string;
  /** Of journeys: which one. Empty: all of them. */
  journey?: string;
  /** Of error bursts: how long now is, as "5m". */
  window?: string;
  /** Of error bursts: how long the time before is that now is held against, as "24h". */
  baseline?: string;
  /** Of a session or its traces: whose. */
  sessionId?: string;
  /** Of traces: which one. */
  traceId?: string;
  /** Of a variable query: whose values. */
  dimension?: string;
}

export type Protocol = 'http' | 'native';
export type SessionRole = 'Viewer' | 'Editor' | 'Admin';

/**
 * The settings of a data source. The standard url, user and basicAuth stay unused: Grafana's data proxy would let every
 * Viewer send SQL through them with the stored password attached.
 */
export interface SightlineSettings extends DataSourceJsonData {
  /** Host and port of ClickHouse, without a scheme. */
  address?: string;
  protocol?: Protocol;
  secure?: boolean;
  tlsSkipVerify?: boolean;
  tlsServerName?: string;
  username?: string;
  database?: string;
  defaultApp?: string;
  defaultEnvironment?: string;
  /** The only apps this data source answers for. Empty: any. */
  apps?: string[];
  /** The lowest Grafana role that sees single sessions. */
  sessionRole?: SessionRole;
  /** Alert rules may see single sessions, and carry their ids into messages. */
  idsInAlerts?: boolean;
  /** Page views of the smallest segment that roles below sessionRole see. Empty: any. */
  minViews?: number;
  minSamples?: number;
  /** What one question may cost at most. */
  maxRows?: number;
  maxExecutionSeconds?: number;
  maxMemoryMB?: number;
  maxRowsRead?: number;
  /** The data sources that trace ids, request ids and endpoints lead to. */
  tempoUid?: string;
  lokiUid?: string;
  /** LogQL that finds a trace's lines; ${traceId} stands for the id. */
  lokiQuery?: string;
  /** The same for a request's id on sites without tracing; ${requestId} stands for it. */
  lokiRequestQuery?: string;
  /** Where the plugin itself reaches Tempo, to be told which traces it has. */
  tempoUrl?: string;
  /** How long Tempo keeps traces. Empty: its own default. */
  tempoRetentionDays?: number;
  prometheusUid?: string;
  /** PromQL for how busy the service behind an endpoint or host is; ${value} stands for what was clicked. */
  prometheusQuery?: string;
}

/** Settings that Grafana encrypts and never sends back to the browser. */
export interface SightlineSecrets {
  password?: string;
  tlsCACert?: string;
  tlsClientCert?: string;
  tlsClientKey?: string;
}
