/** What a visitor said about being measured. */
export type Consent = 'required' | 'granted' | 'denied';

/** One item of a beacon, as the Faro protocol has it, before it is sent. */
export interface Item {
  /** RFC 3339. */
  timestamp: string;
  type?: string;
  name?: string;
  value?: string;
  values?: Record<string, number>;
  attributes?: Record<string, string>;
  context?: Record<string, string>;
  stacktrace?: { frames: Frame[] };
  trace?: { trace_id: string; span_id: string; trace_flags: number };
  action?: { name?: string; id?: string; parentId?: string };
}

/** The list of a beacon that an item goes into. */
export type List = 'events' | 'measurements' | 'exceptions';

/** One line of a stack, top first. */
export interface Frame {
  filename: string;
  function: string;
  lineno?: number;
  colno?: number;
}

export interface Options {
  /** The app's name. Where a key names the app, the key's is taken. */
  app: string;
  /** Where beacons go: the sidecar's /collect, or /collect/KEY. Default: beside the script itself. */
  collector?: string;
  release?: string;
  environment?: string;
  /** The name of the first view's route, such as /product/:id. Default: its path. */
  route?: string;
  /** The share of sessions that are sent, 0 to 1. Default 1. */
  sample?: number;
  /** Default granted. With required, nothing is observed, stored or sent until consent('granted'). */
  consent?: Consent;
  /** Origins beside the page's own whose requests get a traceparent header; their servers must allow it (CORS). */
  traceOrigins?: string[];
  /** Query parameters that are kept in addresses. All others are dropped. Default none. */
  allowQuery?: string[];
  /** A selector of elements that are never described by more than "masked". */
  mask?: string;
  /** Names actions by the text of what was clicked, where nothing else names it. Default false. */
  captureText?: boolean;
  /** Takes console.error as errors. Default false. */
  captureConsole?: boolean;
  /** Packs large beacons with gzip. Default true where the script comes from the collector itself, else false. */
  compress?: boolean;
  /** Sees each item before it is kept; returns it, changed or not, or nothing to drop it. */
  beforeSend?: (item: Item, list: List) => Item | null | undefined | false;
}

export interface Sightline {
  /** Starts the agent. Only the first call counts. */
  init(options: Options): void;
  /** Names the current view's route, such as /product/:id. */
  route(name: string): void;
  /** Notes something the visitor did. */
  action(name: string, attributes?: Record<string, string>): void;
  /** Reports an error that the app caught. */
  error(error: unknown, attributes?: Record<string, string>): void;
  /** Says by the site's own key whose visit it is, for erasure. It is stored as a keyed hash only. */
  user(key: string): void;
  /** Says what the visitor decided. Withdrawal clears everything that is kept in the browser. */
  consent(state: Consent): void;
}
