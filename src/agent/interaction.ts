import type { INPMetric } from 'web-vitals-5';

import { clean } from './address';
import { selectorOf } from './selector';
import type { LongFrame } from './blocking';

// The frames around an interaction are there before its own entries are; a few more come in between.
const remembered = 20;
const frames: LongFrame[] = [];

/** Remembers what ran lately. */
export function remember(frame: LongFrame): void {
  frames.push(frame);
  frames.splice(0, frames.length - remembered);
}

/**
 * What explains a slow interaction, as the attribution of web-vitals has it: where it was, how its time is divided, and
 * the script that ran the longest of it. All in ms. (theirs takes a tenth of the agent's budget, and is not used)
 */
export function explain({ entries, value }: INPMetric): object {
  const { name, startTime } = entries[0];
  const processed = Math.min(...entries.map((entry) => entry.processingStart));
  const painted = startTime + value;
  const done = Math.min(Math.max(...entries.map((entry) => entry.processingEnd)), painted);
  let intersecting_duration = 0;
  let longest: object = {};
  for (const script of frames.flatMap((frame) => frame.scripts)) {
    const ran = Math.min(script.startTime + script.duration, painted) - Math.max(script.startTime, startTime);
    if (ran > intersecting_duration) {
      intersecting_duration = ran;
      longest = {
        longest_script_intersecting_duration: ran,
        longest_script_invoker: clean(script.invoker),
        longest_script_source_url: clean(script.sourceURL),
        longest_script_source_function_name: script.sourceFunctionName,
        longest_script_subpart:
          script.startTime < processed ? 'input-delay' : script.startTime < done ? 'processing-duration' : 'presentation-delay',
      };
    }
  }
  return {
    interaction_target: selectorOf(entries.find(({ target }) => target)?.target),
    interaction_type: /^key/.test(name) ? 'keyboard' : 'pointer',
    interaction_time: startTime,
    next_paint_time: painted,
    input_delay: processed - startTime,
    processing_duration: done - processed,
    presentation_delay: painted - done,
    ...longest,
  };
}
