import { CoreApp } from '@grafana/data';
import type { Place } from './questions';
import type { SightlineQuery } from './types';

/** What a new query asks, by where it is made. */
export function defaultQuery(place: Place, app?: CoreApp): Partial<SightlineQuery> {
  switch (true) {
    case place === 'annotation':
      return { queryType: 'deploys', format: 'annotations' };
    case place === 'alert':
      return { queryType: 'vitals', metric: 'lcp', percentile: 75, format: 'numeric' };
    case app === CoreApp.Explore:
      // Who opens Explore has a question and no segment yet: is the site fast, responsive and stable, and where not?
      return { queryType: 'vitalsOverview', format: 'table', groupBy: ['route'] };
    default:
      return { queryType: 'vitals', metric: 'lcp', percentile: 75, format: 'timeseries' };
  }
}

export function placeOf(app?: CoreApp): Place {
  return app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting ? 'alert' : 'panel';
}
