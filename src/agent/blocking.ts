import { clean } from './address';
import { now } from './clock';
import { watch } from './guard';
import { remember } from './interaction';
import { ranking } from './ranking';
import { event } from './record';

/** One script's share of the main thread in a view: ms, and in how many frames. */
type Share = Record<'blocking' | 'duration' | 'frames', number> & Record<'script' | 'invoker', string>;

/** What PerformanceLongAnimationFrameTiming has, which TypeScript does not know yet. */
export interface LongFrame extends PerformanceEntry {
  blockingDuration: number;
  scripts: Array<Record<'sourceURL' | 'sourceFunctionName' | 'invoker', string> & Record<'startTime' | 'duration', number>>;
}

/**
 * The three scripts of a view that kept the main thread from answering the longest. Of a long animation frame, each script
 * gets its share of the blocking time by how long it ran; a long task, where there are no frames, names no script.
 */
export function observeBlocking(): void {
  const { add } = ranking<Share>(
    3,
    ({ blocking }) => blocking,
    (share, of) => event('sightline.blocking', now(), share, undefined, of)
  );
  const share = (script: string, invoker: string, blocking: number, duration: number) =>
    add(script + invoker, (before) => ({
      script,
      invoker,
      blocking: (before?.blocking ?? 0) + blocking,
      duration: (before?.duration ?? 0) + duration,
      frames: (before?.frames ?? 0) + 1,
    }));

  watch('long-animation-frame', (frame: LongFrame) => {
    remember(frame);
    const { blockingDuration, scripts } = frame;
    const ran = scripts.reduce((sum, { duration }) => sum + duration, 0);
    scripts.forEach(
      ({ sourceURL, invoker, duration }) =>
        blockingDuration && share(clean(sourceURL), clean(invoker), (blockingDuration * duration) / ran, duration)
    );
  });
  if (!('PerformanceLongAnimationFrameTiming' in window)) {
    // A task is long from 50 ms on.
    watch('longtask', ({ duration }: PerformanceEntry) => share('', '', duration - 50, duration));
  }
}
