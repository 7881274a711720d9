import type {
  AnnotationSupport,
  CoreApp,
  DataSourceInstanceSettings,
  MetricFindValue,
  ScopedVars,
  TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, type TemplateSrv } from '@grafana/runtime';
import { type AdHocFilter, adHocFiltersOf, withAdHocFilters } from './adHoc';
import { dimensionOption, sharedDimensions } from './dimensions';
import { interpolate, textsOf } from './interpolate';
import { defaultQuery, isAlerting, isComplete } from './queryTypes';
import { suggestValues } from './suggestions';
import type { SightlineQuery, SightlineSettings } from './types';
import { Variables } from './variables';

/** Hands queries to the backend, which answers them; the browser's part is the dashboard's variables and filters. */
export class DataSource extends DataSourceWithBackend<SightlineQuery, SightlineSettings> {
  readonly settings: SightlineSettings;

  override annotations: AnnotationSupport<SightlineQuery> = {};

  constructor(
    instance: DataSourceInstanceSettings<SightlineSettings>,
    private readonly templates: TemplateSrv = getTemplateSrv()
  ) {
    super(instance);
    this.settings = instance.jsonData;
    this.variables = new Variables(this);
  }

  /**
   * The page of an alert rule shows these defaults and does not save them, so the rule would be evaluated as something
   * else than is shown. There, the editor itself fills a new query in.
   */
  override getDefaultQuery(app: CoreApp): Partial<SightlineQuery> {
    return isAlerting(app) ? {} : defaultQuery(app);
  }

  override filterQuery(query: SightlineQuery): boolean {
    // A dashboard's session variable is empty until somebody chooses one.
    return !query.hide && isComplete({ ...query, sessionId: this.templates.replace(query.sessionId) });
  }

  override applyTemplateVariables(query: SightlineQuery, scoped: ScopedVars, filters?: AdHocFilter[]): SightlineQuery {
    const interpolated = interpolate(query, this.templates, scoped);
    if (query.queryType === 'variable') {
      return interpolated; // the choices of a variable do not depend on filters made with them
    }
    return withAdHocFilters(interpolated, filters ?? adHocFiltersOf(this.templates, this.name));
  }

  /** The app and environment a query means on this dashboard, for questions about the query itself. */
  interpolated({ app, environment }: Pick<SightlineQuery, 'app' | 'environment'>): Partial<SightlineQuery> {
    return interpolate({ refId: '', app, environment }, this.templates, {});
  }

  override interpolateVariablesInQueries(
    queries: SightlineQuery[],
    scoped: ScopedVars,
    filters?: AdHocFilter[]
  ): SightlineQuery[] {
    return queries.map((query) => ({
      ...this.applyTemplateVariables(query, scoped, filters),
      datasource: this.getRef(),
    }));
  }

  override targetContainsTemplate(query: SightlineQuery): boolean {
    return textsOf(query).some((text) => this.templates.containsTemplate(text));
  }

  override getTagKeys(): Promise<MetricFindValue[]> {
    return Promise.resolve(sharedDimensions.map((key) => ({ text: dimensionOption(key).label ?? key, value: key })));
  }

  /** Grafana before 10.3 does not say which time is on screen. */
  override async getTagValues({ key, timeRange }: { key: string; timeRange?: TimeRange }): Promise<MetricFindValue[]> {
    return (await suggestValues(this, key, { range: timeRange })).map((text) => ({ text }));
  }
}
