/** OpenTelemetry for the web as its documentation sets it up; `?encoding=proto` sends protobuf instead of JSON. */
import { logs } from '@opentelemetry/api-logs';
import { ErrorsInstrumentation } from '@opentelemetry/browser-instrumentation/experimental/errors';
import { NavigationInstrumentation } from '@opentelemetry/browser-instrumentation/experimental/navigation';
import { NavigationTimingInstrumentation } from '@opentelemetry/browser-instrumentation/experimental/navigation-timing';
import { ResourceTimingInstrumentation } from '@opentelemetry/browser-instrumentation/experimental/resource-timing';
import { UserActionInstrumentation } from '@opentelemetry/browser-instrumentation/experimental/user-action';
import { WebVitalsInstrumentation } from '@opentelemetry/browser-instrumentation/experimental/web-vitals';
import { OTLPLogExporter as JSONLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as JSONTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { DocumentLoadInstrumentation } from '@opentelemetry/instrumentation-document-load';
import { FetchInstrumentation } from '@opentelemetry/instrumentation-fetch';
import { UserInteractionInstrumentation } from '@opentelemetry/instrumentation-user-interaction';
import { XMLHttpRequestInstrumentation } from '@opentelemetry/instrumentation-xml-http-request';
import { browserDetector } from '@opentelemetry/opentelemetry-browser-detector';
import { detectResources, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, WebTracerProvider } from '@opentelemetry/sdk-trace-web';

import { app, endpoint, session } from './started';

const protobuf = new URL(location.href).searchParams.get('encoding') === 'proto';
const resource = resourceFromAttributes({
  'service.name': app.name,
  'service.version': app.version,
  'deployment.environment.name': app.environment,
}).merge(detectResources({ detectors: [browserDetector] }));

// The session's id goes on every span and log record, as the semantic conventions have it.
const started = { 'session.id': session, 'url.full': location.href };
const onSpans = { onStart: (span: { setAttributes(a: object): unknown }) => void span.setAttributes({ 'session.id': session }) };
const onLogs = { onEmit: (record: { setAttributes(a: object): unknown; attributes: object }) => void record.setAttributes({ ...started, ...record.attributes }) };
const nothing = { onEnd: () => undefined, forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };

// The exports are requests too: observed, each would be reported by another one, for ever.
const ownExports = new RegExp(`^${endpoint}/`);

const traces = { url: `${endpoint}/v1/traces` };
const tracerProvider = new WebTracerProvider({
  resource,
  spanProcessors: [
    { ...nothing, ...onSpans },
    new BatchSpanProcessor(protobuf ? new ProtobufTraces(traces) : new JSONTraces(traces), { scheduledDelayMillis: 250 }),
  ],
});
tracerProvider.register();

const records = { url: `${endpoint}/v1/logs` };
const loggerProvider = new LoggerProvider({
  resource,
  processors: [
    { ...nothing, ...onLogs },
    new BatchLogRecordProcessor({
      exporter: protobuf ? new ProtobufLogs(records) : new JSONLogs(records),
      scheduledDelayMillis: 250,
    }),
  ],
});
logs.setGlobalLoggerProvider(loggerProvider);

registerInstrumentations({
  tracerProvider,
  loggerProvider,
  instrumentations: [
    new DocumentLoadInstrumentation(),
    new FetchInstrumentation(),
    new XMLHttpRequestInstrumentation(),
    new UserInteractionInstrumentation(),
    new WebVitalsInstrumentation({ includeRawAttribution: true }),
    new NavigationTimingInstrumentation(),
    new ResourceTimingInstrumentation({ ignoreUrls: [ownExports] }),
    new UserActionInstrumentation(),
    new NavigationInstrumentation(),
    new ErrorsInstrumentation(),
  ],
});
