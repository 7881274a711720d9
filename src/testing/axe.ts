import axe from 'axe-core';

/**
 * What stands in the way of people with a keyboard or a screen reader, as "rule: element". Colours cannot be judged
 * where nothing is drawn.
 */
export async function barriers(container: Element): Promise<string[]> {
  // Grafana's own switch names a label that needs no name; its input is named by the field.
  const scope = { include: [container], exclude: [['label[aria-label="Toggle switch"]']] };
  const { violations } = await axe.run(scope, { rules: { 'color-contrast': { enabled: false } } });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}
