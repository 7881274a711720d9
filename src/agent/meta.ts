import { options } from './options';
import { current } from './session';
import type { View } from './view';
import { texts } from './texts';

declare const VERSION: string;

let userKey: string | undefined;

export const setUser = (key?: string): void => {
  userKey = key;
};

interface Hints {
  userAgentData?: { brands: object[]; mobile: boolean; platform: string };
  connection?: { effectiveType?: string };
}

/** What holds for all items of a beacon, as Faro's meta. */
export function describe(view: View): object {
  const { id, rate } = current();
  const { userAgentData: hints, connection } = navigator as Hints;
  return {
    sdk: { name: 'sightline-agent', version: VERSION },
    app: { name: options.app, version: options.release, environment: options.environment },
    user: userKey && { id: userKey },
    session: { id, attributes: { sampling_rate: String(rate), consent: options.consent ?? 'granted' } },
    page: { url: view.url, attributes: texts({ route: view.route, connection: connection?.effectiveType }) },
    browser: {
      language: navigator.language,
      brands: hints?.brands,
      mobile: hints?.mobile,
      platform: hints?.platform,
      viewportWidth: String(innerWidth),
      viewportHeight: String(innerHeight),
    },
  };
}
