/** web-vitals with the snippet of its own README; `?batch` uses the one that sends all reports together. */
import { type MetricWithAttribution, onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals/attribution';

import { app, endpoint, session } from './started';

const query = new URLSearchParams({ app: app.name, release: app.version, environment: app.environment, session });
const collector = `${endpoint}/v1/vitals?${query}`;
const observe = (report: (metric: MetricWithAttribution) => void) =>
  [onCLS, onFCP, onINP, onLCP, onTTFB].forEach((on) => on(report));

if (new URL(location.href).searchParams.has('batch')) {
  const queue = new Set<MetricWithAttribution>();
  observe((metric) => queue.add(metric));
  addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden' && queue.size > 0) {
      navigator.sendBeacon(collector, JSON.stringify([...queue]));
      queue.clear();
    }
  });
} else {
  observe(({ name, value, id }) => {
    navigator.sendBeacon(collector, JSON.stringify({ name, value, id, page_location: location.href }));
  });
}
