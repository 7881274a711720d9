import { guard, on } from './guard';
import { whenLeaving } from './leaving';
import { event } from './record';
import { phases, span } from './timing';
import { traceOf } from './trace';
import { beginView, loaded } from './view';

/**
 * Reports the page load, once it has ended or is being left, and each return from the back/forward cache. The first
 * trace of the page is the one the server named, in Server-Timing (which the collector reads) or in the document.
 */
export function observeNavigation(): void {
  let told = false;
  const view = loaded;
  const tell = guard(() => {
    const [entry] = performance.getEntriesByType('navigation') as Array<PerformanceNavigationTiming | undefined>;
    if (told || !entry) {
      return;
    }
    told = true;
    const { activationStart = 0 } = entry as { activationStart?: number };
    const since = (moment: number) => Math.max(moment - activationStart, 0);
    const parent = document.querySelector<HTMLMetaElement>('meta[name=traceparent]')?.content;
    event(
      'faro.performance.navigation',
      activationStart,
      {
        ...phases(entry),
        name: view.url,
        type: activationStart ? 'prerender' : entry.type,
        duration: since(entry.duration),
        ttfb: since(entry.responseStart),
        documentParsingTime: entry.domInteractive && entry.domInteractive - entry.responseEnd,
        domProcessingTime: entry.domComplete && entry.domComplete - entry.domInteractive,
        domContentLoadHandlerTime: span(entry, 'domContentLoadedEvent'),
        onLoadTime: span(entry, 'loadEvent'),
        traceparent: parent,
      },
      traceOf(parent),
      view
    );
  });
  if (document.readyState === 'complete') {
    tell();
  }
  // The load event's own end is known after it.
  on(window, 'load', () => setTimeout(tell));
  whenLeaving((gone) => gone && tell());
  on(window, 'pageshow', ({ persisted, timeStamp }: PageTransitionEvent) => {
    if (persisted) {
      const { previous, url } = beginView(true, timeStamp);
      event('faro.performance.navigation', timeStamp, {
        name: url,
        type: 'back_forward_cache',
        faroPreviousNavigationId: previous,
      });
    }
  });
}
