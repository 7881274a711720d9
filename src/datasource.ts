import {
  CoreApp,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
  type MetricFindValue,
  type QueryFixAction,
  type ScopedVars,
  type TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, type TemplateSrv } from '@grafana/runtime';
import { map, type Observable } from 'rxjs';
import { type AdHocFilter, adHocFiltersOf, chosenOf, type SentQuery, withAdHocFilters } from './adHoc';
import { annotations } from './annotations';
import { defaultQuery } from './defaults';
import { interpolate, textsOf } from './interpolate';
import { linksAtTheirTime } from './links';
import { isComplete } from './questions';
import { type Schema, typeOf } from './schema';
import { fromStored } from './stored';
import { suggestValues } from './suggestions';
import type { Filter, SightlineQuery, SightlineSettings } from './types';
import { Variables } from './variables';

/** Hands queries to the backend, which answers them; the browser's part is the dashboard's variables and filters. */
export class DataSource extends DataSourceWithBackend<SightlineQuery, SightlineSettings> {
  readonly settings: SightlineSettings;

  override annotations = annotations;

  private loading?: Promise<Schema>;

  constructor(
    instance: DataSourceInstanceSettings<SightlineSettings>,
    private readonly templates: TemplateSrv = getTemplateSrv()
  ) {
    super(instance);
    this.settings = instance.jsonData;
    this.variables = new Variables(this);
  }

  /** What can be asked. It is the same as long as the plugin runs; only a failed attempt is made again. */
  schema(): Promise<Schema> {
    this.loading ??= this.getResource<Schema>('schema', undefined, { showErrorAlert: false }).catch((error) => {
      this.loading = undefined;
      throw error;
    });
    return this.loading;
  }

  /**
   * Grafana puts the defaults of a panel into every query that has nothing but a type, and the page of an alert rule
   * shows its defaults without saving them. Either way something else would be asked than is written. So only Explore
   * has defaults here; everywhere else the editor itself fills a new query in.
   */
  override getDefaultQuery(app: CoreApp): Partial<SightlineQuery> {
    return app === CoreApp.Explore ? defaultQuery('panel', app) : {};
  }

  override query(request: DataQueryRequest<SightlineQuery>): Observable<DataQueryResponse> {
    return super.query(request).pipe(map((response) => linksAtTheirTime(response, request.range)));
  }

  override filterQuery(query: SightlineQuery): boolean {
    // A dashboard's session variable is empty until somebody chooses one.
    return !query.hide && isComplete({ ...query, sessionId: this.templates.replace(query.sessionId) });
  }

  override applyTemplateVariables(query: SightlineQuery, scoped: ScopedVars, filters?: AdHocFilter[]): SentQuery {
    const interpolated = interpolate(fromStored(query), this.templates, scoped);
    if (query.queryType === 'variable') {
      return interpolated; // the choices of a variable do not depend on filters made with them
    }
    return withAdHocFilters(interpolated, filters ?? adHocFiltersOf(this.templates, this.uid));
  }

  /** What a query means on this dashboard, for questions about the query itself. */
  interpolated(query: Partial<SightlineQuery>): Partial<SightlineQuery> {
    return interpolate({ refId: '', ...query }, this.templates, {});
  }

  /** A panel's query as it goes to Explore, where there are no variables and no ad hoc filters: they become its own. */
  override interpolateVariablesInQueries(
    queries: SightlineQuery[],
    scoped: ScopedVars,
    filters?: AdHocFilter[]
  ): SightlineQuery[] {
    return queries.map((query) => {
      const interpolated = interpolate(fromStored(query), this.templates, scoped);
      const adHoc = chosenOf(filters ?? adHocFiltersOf(this.templates, this.uid));
      const all = [...(interpolated.filters ?? []), ...adHoc];
      return { ...interpolated, ...(all.length ? { filters: all } : {}), datasource: this.getRef() };
    });
  }

  /** A cell of a table in Explore becomes a filter of the query; on a dashboard Grafana makes an ad hoc filter of it. */
  override modifyQuery(query: SightlineQuery, { type, options }: QueryFixAction): SightlineQuery {
    const operators: Record<string, Filter['operator']> = { ADD_FILTER: '=', ADD_FILTER_OUT: '!=' };
    const operator = operators[type];
    if (!operator || !options?.key || !options.value) {
      return query;
    }
    const added: Filter = { key: options.key, operator, values: [options.value] };
    const others = (query.filters ?? []).filter(({ key }) => key !== added.key || operator === '!=');
    return { ...query, filters: [...others, added] };
  }

  override targetContainsTemplate(query: SightlineQuery): boolean {
    return textsOf(fromStored(query)).some((text) => this.templates.containsTemplate(text));
  }

  /** The dashboard's variables as they are written in a field. */
  variableNames(): string[] {
    return this.templates.getVariables().map(({ name }) => `$${name}`);
  }

  /**
   * What ad hoc filters can name: the dimensions of the questions they are for, which Grafana says from 11 on, else those
   * that every beacon has. An answer is of one app, which has its own field. The text is the key: before 10.3 Grafana
   * makes the filter's key of it.
   */
  override async getTagKeys({ queries = [] }: { queries?: SightlineQuery[] } = {}): Promise<MetricFindValue[]> {
    const schema = await this.schema();
    const asked = queries.flatMap(({ queryType }) => typeOf(schema, queryType) ?? []);
    const dimensions = (asked.length ? asked : schema.queryTypes.slice(0, 1)).flatMap((type) => type.dimensions);
    const keys = new Set(dimensions.map(({ key }) => key).filter((key) => key !== 'app'));
    return [...keys].map((key) => ({ text: key, value: key }));
  }

  /** Grafana before 10.3 does not say which time is on screen, nor what else is filtered on. */
  override async getTagValues(options: {
    key: string;
    timeRange?: TimeRange;
    filters?: AdHocFilter[];
  }): Promise<MetricFindValue[]> {
    const scope = { query: { filters: chosenOf(options.filters ?? []) }, range: options.timeRange };
    return (await suggestValues(this, options.key, scope)).map((text) => ({ text }));
  }
}
