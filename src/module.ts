import { DataSourcePlugin } from '@grafana/data';
import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { DataSource } from './datasource';
import type { SightlineQuery, SightlineSecrets, SightlineSettings } from './types';

export const plugin = new DataSourcePlugin<DataSource, SightlineQuery, SightlineSettings, SightlineSecrets>(DataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
