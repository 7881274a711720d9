import { type DataSourceInstanceSettings, type DataSourcePluginMeta, PluginType } from '@grafana/data';
import { type BackendSrv, type BackendSrvRequest, setBackendSrv, type TemplateSrv } from '@grafana/runtime';
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
