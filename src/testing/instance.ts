import { type DataSourceInstanceSettings, type DataSourcePluginMeta, PluginType } from '@grafana/data';
import {
  type BackendSrv,
  type BackendSrvRequest,
  type DataSourceSrv,
  type GetDataSourceListFilters,
  setBackendSrv,
  setDataSourceSrv,
  type TemplateSrv,
} from '@grafana/runtime';
import { of, throwError } from 'rxjs';
import manifest from '../../plugin.json';
import { DataSource } from '../datasource';
import type { SightlineSettings } from '../types';
import { templatesWith } from './templates';

/** A data source as Grafana creates it. */
export function dataSourceWith(jsonData: SightlineSettings = {}, templates: TemplateSrv = templatesWith({})) {
  const instance: DataSourceInstanceSettings<SightlineSettings> = {
    id: 1,
    uid: 'sightline',
    type: manifest.id,
    name: 'Sightline',
    access: 'proxy',
    readOnly: false,
    jsonData,
    meta: { ...manifest, type: PluginType.datasource, module: '', baseUrl: '' } as unknown as DataSourcePluginMeta,
  };
  return new DataSource(instance, templates);
}

/** Stands for Grafana's server: answers every request with a body, or with the error the answer throws. */
export function serverAnswering(answer: (request: BackendSrvRequest) => unknown): BackendSrvRequest[] {
  const asked: BackendSrvRequest[] = [];
  const fetch = (request: BackendSrvRequest) => {
    asked.push(request);
    try {
      return of({ data: answer(request) });
    } catch (error) {
      return throwError(() => error);
    }
  };
  setBackendSrv({ fetch } as unknown as BackendSrv);
  return asked;
}

/** Stands for Grafana's list of data sources, from which its picker chooses. */
export function grafanaHas(...sources: Array<{ uid: string; type: string; name: string }>): void {
  const list = sources.map((source) => ({ ...source, meta: { info: { logos: {} } } }) as DataSourceInstanceSettings);
  setDataSourceSrv({
    getList: ({ filter }: GetDataSourceListFilters = {}) => list.filter((source) => filter?.(source) ?? true),
    getInstanceSettings: (ref: string | { uid: string } | null) => {
      const named = typeof ref === 'string' ? ref : ref?.uid;
      return list.find(({ uid, name }) => named === uid || named === name);
    },
  } as unknown as DataSourceSrv);
}
