import { CoreApp } from '@grafana/data';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';
import { beforeEach, describe, expect, test } from 'vitest';
import { labels } from '../labels';
import { barriers } from '../testing/axe';
import { dataSourceWith, serverAnswering } from '../testing/instance';
import type { SightlineQuery, SightlineSettings } from '../types';
import { QueryEditor } from './QueryEditor';

const text = labels.query;

/** Shows the editor as Grafana does; returns the query as it would be saved, and how often it ran. */
function open(part: Partial<SightlineQuery> = {}, settings: SightlineSettings = {}, app = CoreApp.Dashboard) {
  const current: { query: SightlineQuery; runs: number } = { query: { refId: 'A', ...part }, runs: 0 };
  const datasource = dataSourceWith(settings);
  function Panel() {
    const [query, setQuery] = useState(current.query);
    current.query = query;
    return (
      <QueryEditor datasource={datasource} query={query} app={app} onChange={setQuery} onRunQuery={() => current.runs++} />
    );
  }
  const user = userEvent.setup();
  const choose = async (field: string, option: string | RegExp) => {
    await user.click(screen.getByLabelText(field));
    await user.click(await screen.findByText(option));
  };
  return { ...render(<Panel />), query: () => current.query, runs: () => current.runs, user, choose };
}

describe('the query editor', () => {
  beforeEach(() => {
    serverAnswering(({ params }) => (params?.key === 'browser' ? [{ text: 'Safari' }, { text: 'Firefox' }] : []));
  });

  test('shows what a query means that says nothing', () => {
    open({}, { defaultApp: 'shop' });
    expect(screen.getByText('Web Vitals')).toBeTruthy();
    expect(screen.getByText('LCP')).toBeTruthy();
    expect(screen.getByText('p75')).toBeTruthy();
    expect(screen.getByText('shop (default)')).toBeTruthy();
    expect(screen.getByText('production (default)')).toBeTruthy();
  });

  test('asks for another metric, percentile and format, and runs at once', async () => {
    const { choose, query, runs } = open();
    await choose(text.metric, 'INP');
    await choose(text.percentile, 'p95');
    await choose(text.format, 'Table');
    expect(query()).toMatchObject({ queryType: 'vitals', metric: 'inp', percentile: 95, format: 'table' });
    expect(runs()).toBe(3);
  });

  test('takes the name of a custom timing', async () => {
    const { user, query } = open();
    await user.type(screen.getByLabelText(text.metric), 'hero-image{Enter}');
    expect(query().metric).toBe('hero-image');
  });

  test('takes any percentile', async () => {
    const { user, query } = open();
    await user.type(screen.getByLabelText(text.percentile), 'p98{Enter}');
    expect(query().percentile).toBe(98);
  });

  test('groups by up to three dimensions', async () => {
    const { choose, query } = open();
    for (const dimension of ['Route', 'Browser', 'Device', 'Country']) {
      await choose(text.groupBy, dimension);
    }
    expect(query().groupBy).toEqual(['route', 'browser', 'device']);
  });

  test('filters by values that the backend suggests', async () => {
    const { user, choose, query } = open();
    await user.click(screen.getByRole('button', { name: text.addFilter }));
    await choose(text.filterKey(1), 'Browser');
    await choose(text.filterOperator(1), '!=');
    await choose(text.filterValues(1), 'Safari');
    expect(query().filters).toEqual([{ key: 'browser', operator: '!=', values: ['Safari'] }]);
  });

  test('filters by a value that nobody suggested', async () => {
    const { user, query } = open({ filters: [{ key: 'route', operator: '=', values: [] }] });
    await user.type(screen.getByLabelText(text.filterValues(1)), '$route{Enter}');
    expect(query().filters).toEqual([{ key: 'route', operator: '=', values: ['$route'] }]);
  });

  test('removes the filter that is pointed at', async () => {
    const { user, query } = open({
      filters: [
        { key: 'route', operator: '=', values: ['/'] },
        { key: 'browser', operator: '=', values: ['Safari'] },
      ],
    });
    await user.click(screen.getByRole('button', { name: text.removeFilter(1) }));
    expect(query().filters).toEqual([{ key: 'browser', operator: '=', values: ['Safari'] }]);
  });

  test('shows sessions without what sessions do not have', async () => {
    const { choose, query } = open({ queryType: 'vitals', metric: 'lcp', groupBy: ['route'] });
    await choose(text.type, 'Sessions');
    expect(screen.queryByLabelText(text.metric)).toBeNull();
    expect(screen.queryByLabelText(text.groupBy)).toBeNull();
    expect(query()).toEqual({ refId: 'A', queryType: 'sessions', format: 'table', filters: [] });
  });

  test('starts an alert rule with one number, and saves that', () => {
    const { query, runs } = open({}, {}, CoreApp.UnifiedAlerting);
    expect(screen.getByText('Number')).toBeTruthy();
    expect(query()).toMatchObject({ queryType: 'vitals', metric: 'lcp', percentile: 75, format: 'numeric' });
    expect(runs()).toBe(0);
  });

  test('can be used without seeing it', async () => {
    const { container } = open({ groupBy: ['route'], filters: [{ key: 'browser', operator: '=', values: ['Safari'] }] });
    expect(await barriers(container)).toEqual([]);
  });
});
