import type { DataSourceJsonData } from '@grafana/data';
import type { DataQuery } from '@grafana/schema';

/** What a query asks for. The backend knows the full list; these are the ones the editors offer. */
export type QueryType = 'vitals' | 'errors' | 'sessions' | 'session' | 'variable';

/** The shape of an answer. Which ones a query type has: queryTypes.ts. */
export type Format = 'timeseries' | 'table' | 'numeric' | 'distribution' | 'logs' | 'trace';

export type Operator = '=' | '!=' | '=~' | '!~';

/** A condition on a dimension. Several values mean any of them with = and =~, none of them with != and !~. */
export interface Filter {
  key: string;
  operator: Operator;
  values: string[];
}

/** The query JSON that panels, alert rules, Explore and provisioning share. The backend fills in what is left out. */
export interface SightlineQuery extends DataQuery {
  queryType?: QueryType;
  /** Empty: the data source's default. */
  app?: string;
  /** Empty: the data source's default. "*": all of them. */
  environment?: string;
  /** A Web Vital (lcp, inp, cls, fcp, ttfb) or the name of a custom timing. */
  metric?: string;
  /** In percent, 1 … 99.9. */
  percentile?: number;
  /** Up to three dimensions. */
  groupBy?: string[];
  filters?: Filter[];
  format?: Format;
  /** Fewer samples than this are "not enough data" and not a number. */
  minSamples?: number;
  limit?: number;
  /** Of a session query: whose timeline. */
  sessionId?: string;
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
  minSamples?: number;
}

/** Settings that Grafana encrypts and never sends back to the browser. */
export interface SightlineSecrets {
  password?: string;
  tlsCACert?: string;
  tlsClientCert?: string;
  tlsClientKey?: string;
}
