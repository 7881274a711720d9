import { custom, observeActions } from './actions';
import { observeBlocking } from './blocking';
import { keepThrown, observeErrors } from './errors';
import { observeFetch } from './fetch';
import { guard, on } from './guard';
import { observeLeaving } from './leaving';
import { setUser } from './meta';
import { observeNavigation } from './navigation';
import { observeNetwork } from './network';
import { oneByOne } from './idle';
import { options, setOptions } from './options';
import { observeQuiet } from './quiet';
import { isActive, setActive } from './record';
import { observeReports } from './reports';
import { observeResources } from './resources';
import { observeRoutes } from './routes';
import { forget } from './session';
import { clear, flush, takeUnsent } from './transport';
import type { Consent, Sightline } from './types';
import { beginView, view } from './view';
import { observersOfVitals } from './vitals';
import { observeXHR } from './xhr';

export type { Consent, Frame, Item, List, Options, Sightline } from './types';

// What was called before init.
let route: string | undefined;
let decided: Consent | undefined;

// What cannot be seen afterwards is observed at once.
const first = [
  () => observeLeaving(() => flush(true)),
  observeErrors,
  observeFetch,
  observeXHR,
  observeRoutes,
  observeActions,
];

/** The browser keeps what these look for, for whoever asks later. */
const later = [
  takeUnsent,
  observeNavigation,
  ...observersOfVitals,
  observeBlocking,
  observeReports,
  observeResources,
  observeQuiet,
  observeNetwork,
  () => on(window, 'online', () => flush()),
];

let installed = false;

/** Begins to observe, when the visitor agrees. What a signal cannot do here does not keep the others from theirs. */
function begin(): void {
  const { app, collector, consent } = options;
  if (app && collector && consent === 'granted' && !(navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl) {
    setActive(true);
    if (!installed) {
      installed = true;
      beginView(true, 0).route = route ?? options.route;
      first.forEach((observe) => guard(observe)());
      oneByOne(later);
    }
  }
}

/** The agent. None of its methods ever throws. */
export const sightline: Sightline = {
  init: guard((given) => {
    if (!options.app) {
      setOptions({ ...given, consent: decided ?? given.consent ?? 'granted' });
      // A page that is loaded ahead and never seen is no view.
      const { prerendering } = document as { prerendering?: boolean };
      if (prerendering) {
        on(document, 'prerenderingchange', begin);
      } else {
        begin();
      }
    }
  }),
  route: guard((name) => {
    route = name;
    if (view) {
      view.route = name;
    }
  }),
  action: guard((name, attributes) => {
    if (isActive()) {
      custom(name, attributes);
    }
  }),
  error: (error, attributes) => {
    if (isActive()) {
      keepThrown(error, 'exception', { ...attributes, handled: true });
    }
  },
  user: setUser,
  consent: guard((state) => {
    decided = options.consent = state;
    if (state === 'granted') {
      begin();
    } else {
      setActive(false);
      setUser();
      clear();
      forget();
    }
  }),
};
