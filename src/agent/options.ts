import type { Options } from './types';

/** What the site asked for. Empty until init. */
export let options: Partial<Options> = {};

export const setOptions = (given: Options): void => {
  options = { ...given };
};
