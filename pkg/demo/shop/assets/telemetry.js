// Starts the Grafana Faro Web SDK the way its documentation tells a site to.
(() => {
  // Names the route of a page, so that every shelf is one segment and every product another.
  const route = (path) =>
    path.replace(/^\/category\/[^/]+$/, '/category/:slug').replace(/^\/product\/[^/]+$/, '/product/:id')
      .replace(/^(\/account\/addresses)\/[^/]+$/, '$1/:name');

  const { GrafanaFaroWebSdk: sdk, GrafanaFaroWebTracing: tracing } = window;
  if (!sdk) {
    console.warn('The Faro SDK did not load: this visit is not measured.');
    return;
  }
  const settings = JSON.parse(document.getElementById('telemetry').textContent);
  const instrumentations = [...sdk.getWebInstrumentations({ captureConsole: true })];
  if (tracing) {
    instrumentations.push(new tracing.TracingInstrumentation());
  }
  // A page may name its trace itself, where Server-Timing does not get through to the browser: pkg/correlate.
  const traceparent = document.querySelector('meta[name="traceparent"]')?.content;
  sdk.initializeFaro({
    url: settings.collector,
    app: { name: settings.app, version: settings.release, environment: settings.environment },
    instrumentations,
    trackResources: true,
    webVitalsInstrumentation: { trackAttributionSources: true },
    pageTracking: { generatePageId: ({ pathname }) => route(pathname) },
    sessionTracking: { enabled: true, persistent: true },
    beforeSend: (item) => {
      if (traceparent && item.payload.name === 'faro.performance.navigation') {
        item.payload.attributes.traceparent = traceparent;
      }
      return item;
    },
    experimental: { trackNavigation: true },
  });
})();
