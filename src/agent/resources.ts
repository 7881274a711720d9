import { clean } from './address';
import { on, watch } from './guard';
import { options } from './options';
import { ranking } from './ranking';
import { event } from './record';
import { phases } from './timing';

interface Resource {
  slowest: PerformanceResourceTiming & { renderBlockingStatus?: string };
  times: number;
}

/** How many files a view tells: the slowest, each once. */
const told = 20;

// What scripts asked for since then is told elsewhere.
const since = performance.now();

/** The slowest of the files that the page loaded, and of what its scripts asked for before the agent was there. */
export function observeResources(): void {
  const { add, end } = ranking<Resource>(
    told,
    ({ slowest }) => slowest.duration,
    ({ slowest, times }, of) =>
      event(
        'faro.performance.resource',
        slowest.startTime,
        {
          ...phases(slowest),
          name: clean(slowest.name),
          initiatorType: slowest.initiatorType,
          duration: slowest.duration,
          responseStatus: slowest.responseStatus,
          renderBlockingStatus: slowest.renderBlockingStatus,
          cacheHitStatus: slowest.transferSize ? 'fullLoad' : slowest.decodedBodySize && 'cache',
          times,
        },
        undefined,
        of
      )
  );
  watch('resource', (entry: PerformanceResourceTiming) => {
    if (!(entry.startTime > since && /^(fetch|xml|beacon)/.test(entry.initiatorType)) && !entry.name.startsWith(options.collector as string)) {
      add(clean(entry.name), (before) => ({
        slowest: before && before.slowest.duration > entry.duration ? before.slowest : entry,
        times: (before?.times ?? 0) + 1,
      }));
    }
  });
  // Most of them come with the page; the rest waits until it is left.
  on(window, 'load', () => setTimeout(end, 1000));
}
