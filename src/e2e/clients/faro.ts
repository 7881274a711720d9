/** The Faro Web SDK with tracing, all instrumentations on. */
import { getWebInstrumentations, initializeFaro } from '@grafana/faro-web-sdk';
import { TracingInstrumentation } from '@grafana/faro-web-tracing';

import { app, endpoint, session } from './started';

initializeFaro({
  url: `${endpoint}/collect/any-key`,
  app,
  instrumentations: [...getWebInstrumentations({ captureConsole: true }), new TracingInstrumentation()],
  sessionTracking: { session: { id: session } },
});
