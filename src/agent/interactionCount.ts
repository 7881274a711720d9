// Stands in for web-vitals' polyfill (webpack/agent.mjs): every browser that measures interactions counts them too.
export const getInteractionCount = (): number => (performance as { interactionCount?: number }).interactionCount ?? 0;
export const initInteractionCountPolyfill = (): void => {};
