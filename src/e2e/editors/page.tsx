import {
  CoreApp,
  createTheme,
  type DataSourceSettings,
  dateTime,
  LoadingState,
  type PanelData,
  toDataFrame,
} from '@grafana/data';
import { GlobalStyles, PortalContainer, ThemeContext } from '@grafana/ui';
import React, { type ComponentType, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { VariableQueryEditor } from '../../components/VariableQueryEditor';
import { plugin } from '../../module';
import { dataSourceWith, grafanaHas, serverAnswering } from '../../testing/instance';
import { schema } from '../../testing/schema';
import { templatesWith } from '../../testing/templates';
import type { SightlineQuery } from '../../types';

// Shows one editor as Grafana does, on a page of its own: ?editor=query&app=explore&query={…}&theme=light. Beneath it
// stands what would be saved, and how often the query ran.

const asked = new URLSearchParams(location.search);
const json = (name: string) => JSON.parse(asked.get(name) ?? '{}') as object;

const values: Record<string, string[]> = {
  route: ['/', '/cart', '/checkout', '/product/:id'],
  browser: ['Chrome', 'Safari', 'Firefox'],
  app: ['shop', 'blog'],
  environment: ['production', 'staging'],
  metric: ['lcp', 'hero-image'],
};

serverAnswering(({ url, params }) =>
  url.endsWith('/schema') ? schema : (values[(params?.key as string) ?? ''] ?? []).map((text) => ({ text }))
);
grafanaHas(
  { uid: 'traces-1', type: 'tempo', name: 'Our traces' },
  { uid: 'logs-1', type: 'loki', name: 'Our logs' },
  { uid: 'metrics-1', type: 'prometheus', name: 'Our metrics' }
);

const datasource = dataSourceWith(
  { defaultApp: 'shop', defaultEnvironment: 'production' },
  templatesWith({ route: '/cart', env: 'staging' })
);

const answered: PanelData = {
  state: LoadingState.Done,
  series: [{ ...toDataFrame({ refId: 'A', fields: [] }), meta: { executedQueryString: 'SELECT quantile(0.75)(value)' } }],
  timeRange: { from: dateTime(0), to: dateTime(1), raw: { from: 'now-1h', to: 'now' } },
};

const apps: Record<string, CoreApp> = { explore: CoreApp.Explore, alert: CoreApp.UnifiedAlerting };

function QueryPage({ Editor }: { Editor: ComponentType<Record<string, unknown>> }) {
  const [query, setQuery] = useState<SightlineQuery>({ refId: 'A', ...json('query') });
  const [runs, setRuns] = useState(0);
  return (
    <>
      <Editor
        datasource={datasource}
        query={query}
        app={apps[asked.get('app') ?? ''] ?? CoreApp.PanelEditor}
        data={answered}
        onChange={setQuery}
        onRunQuery={() => setRuns((before) => before + 1)}
      />
      <output id="saved">{JSON.stringify(query)}</output>
      <output id="runs">{runs}</output>
    </>
  );
}

function ConfigPage({ Editor }: { Editor: ComponentType<Record<string, unknown>> }) {
  const [options, setOptions] = useState({ jsonData: json('settings'), secureJsonFields: {} } as DataSourceSettings);
  return (
    <>
      <Editor options={options} onOptionsChange={setOptions} />
      <output id="saved">{JSON.stringify({ ...options.jsonData, ...options.secureJsonData })}</output>
    </>
  );
}

function page() {
  switch (asked.get('editor')) {
    case 'config':
      return <ConfigPage Editor={plugin.components.ConfigEditor as never} />;
    case 'variable':
      return <QueryPage Editor={VariableQueryEditor as never} />;
    case 'annotation':
      return <QueryPage Editor={datasource.annotations.QueryEditor as never} />;
    default:
      return <QueryPage Editor={plugin.components.QueryEditor as never} />;
  }
}

const theme = createTheme({ colors: { mode: asked.get('theme') === 'light' ? 'light' : 'dark' } });
createRoot(document.getElementById('page')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <main style={{ padding: 16, background: theme.colors.background.primary }}>{page()}</main>
    <PortalContainer />
  </ThemeContext.Provider>
);
