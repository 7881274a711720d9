import { whenLeaving } from './leaving';
import { type View, view } from './view';

/**
 * Collects things by key, as long as a view lasts, and tells the largest of them when it ends or is hidden. A view tells
 * no more than the limit in all; what came after is told with the rest left out.
 */
export function ranking<Thing>(limit: number, size: (thing: Thing) => number, tell: (thing: Thing, of: View) => void) {
  const most = 500; // things that are kept at a time
  let things = new Map<string, Thing>();
  let of = view;
  let left = limit;

  const end = () => {
    const largest = [...things.values()].sort((a, b) => size(b) - size(a)).slice(0, left);
    left -= largest.length;
    largest.forEach((thing) => tell(thing, of));
    things = new Map();
  };
  whenLeaving(end);
  return {
    end,
    add(this: void, key: string, merge: (before?: Thing) => Thing): void {
      if (of !== view) {
        end();
        [of, left] = [view, limit];
      }
      if (things.size < most || things.has(key)) {
        things.set(key, merge(things.get(key)));
      }
    },
  };
}
