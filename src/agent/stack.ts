import { clean } from './address';
import type { Frame } from './types';

//   at pay (https://shop.example/app.js:19:155)     Chromium
//   at https://shop.example/app.js:19:155
//   pay@https://shop.example/app.js:19:155          Firefox and Safari
const chromium = /^\s*at (?:(?:async |new )*(.*?) ?\()?(?:async )?((?:\w[\w+.-]*:)\S*?):(\d+):(\d+)\)?$/;
const others = /^(?:(.*)@)?((?:\w[\w+.-]*:)\S*?):(\d+)(?::(\d+))?$/;

/** One line of a stack. */
export const frame = (file: string, line?: number | null, column?: number | null, name?: string): Frame => ({
  filename: clean(file),
  function: name || '?',
  lineno: line || undefined,
  colno: column || undefined,
});

/** The frames of a stack as browsers write it, top first, at most 50. Lines that are no frames are left out. */
export function framesOf(stack = ''): Frame[] {
  const frames: Frame[] = [];
  for (const line of stack.split('\n', 100)) {
    const found = chromium.exec(line) ?? others.exec(line);
    if (found && frames.length < 50) {
      frames.push(frame(found[2], Number(found[3]), Number(found[4]), found[1]));
    }
  }
  return frames;
}
