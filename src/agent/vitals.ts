import type { Metric, MetricWithAttribution } from 'web-vitals-5';
import { onINP } from 'web-vitals-5/onINP.js';
import { onTTFB } from 'web-vitals-5/onTTFB.js';
import { onCLS } from 'web-vitals-5/attribution/onCLS.js';
import { onFCP } from 'web-vitals-5/attribution/onFCP.js';
import { onLCP } from 'web-vitals-5/attribution/onLCP.js';

import { clean } from './address';
import { now } from './clock';
import { guard } from './guard';
import { explain } from './interaction';
import { record } from './record';
import { selectorOf } from './selector';
import { texts } from './texts';
import { loaded } from './view';

// Faro's names of what web-vitals calls otherwise.
const faroNames: Record<string, string> = { target: 'element', url: 'resource_url' };

const generate = { generateTarget: selectorOf };
const attributed = (metric: MetricWithAttribution) => report(metric, metric.attribution);

/**
 * Report the Web Vitals of a page load with what explains them, one each. A metric that changes is told again under its
 * id. What the time to the first byte was spent on is in the page load itself.
 */
export const observersOfVitals = [
  () => onLCP(attributed, generate),
  () => onCLS(attributed, generate),
  () => onFCP(attributed),
  () => onTTFB((metric) => report(metric, {})),
  // At each change: later, the element may be gone.
  () => onINP((metric) => report(metric, explain(metric)), { reportAllChanges: true }),
];

const report = guard(({ name, value, delta, id, rating, navigationType }: Metric, attribution: object) => {
  const values: Record<string, number> = { [name.toLowerCase()]: value, delta };
  const context: Record<string, string> = { id, rating, navigation_type: navigationType, navigation_entry_id: loaded.id };
  for (const [key, part] of Object.entries(attribution) as Array<[string, unknown]>) {
    const called = faroNames[key] ?? key.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
    if (typeof part === 'number') {
      values[called] = part;
    } else if (typeof part === 'string') {
      context[called] = key === 'url' ? clean(part) : part;
    }
  }
  record('measurements', now(), { type: 'web-vitals', values, context: texts(context) }, loaded);
});
