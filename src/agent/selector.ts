import { options } from './options';

/** The attribute with which a site names an element. */
const given = 'data-sightline-name';

export const masked = (element: Element): boolean => !!options.mask && !!element.closest(options.mask);

/** The name the site gave the element, or one around it. */
export const nameOf = (element: Element): string | null | undefined => element.closest(`[${given}]`)?.getAttribute(given);

// Words are written by people, and the same on the next build; css-1x8fz9k or item-48151 are not.
const stable = (word: string) => /^[a-z_-][\w-]{0,30}$/i.test(word) && !/\d{3}|\d[a-z]+\d|__\w*\d/i.test(word);

/**
 * A short selector that stays the same from build to build and from item to item: up to the next name or id, and at most
 * three steps. It holds no text.
 */
export function selectorOf(node: Node | null | undefined): string {
  const steps: string[] = [];
  let element = node instanceof Element ? node : node?.parentElement;
  for (; element && steps.length < 3; element = element.parentElement) {
    if (masked(element)) {
      return 'masked';
    }
    const name = element.getAttribute(given);
    if (name) {
      steps.unshift(`[${given}="${name}"]`);
      break;
    }
    if (stable(element.id)) {
      steps.unshift('#' + element.id);
      break;
    }
    steps.unshift([element.localName, ...[...element.classList].filter(stable).slice(0, 2)].join('.'));
  }
  return steps.join('>');
}

/** The name of web-vitals for its own: the build puts ours in its place (webpack/agent.mjs). */
export { selectorOf as getSelector };
