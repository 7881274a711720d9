import type { DataSourceSettings } from '@grafana/data';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';
import { beforeEach, describe, expect, test } from 'vitest';
import { labels } from '../labels';
import { barriers } from '../testing/axe';
import { grafanaHas } from '../testing/instance';
import type { SightlineSecrets, SightlineSettings } from '../types';
import { ConfigEditor } from './ConfigEditor';

const text = labels.config;
type Settings = DataSourceSettings<SightlineSettings, SightlineSecrets>;

const added: Settings = {
  id: 1,
  uid: 'sightline',
  orgId: 1,
  name: 'Sightline',
  type: 'sightline-rum-datasource',
  typeLogoUrl: '',
  typeName: 'Sightline',
  access: 'proxy',
  url: '',
  user: '',
  database: '',
  basicAuth: false,
  basicAuthUser: '',
  isDefault: false,
  jsonData: {},
  secureJsonFields: {},
  readOnly: false,
  withCredentials: false,
};

/** Shows the editor as Grafana does, which hands every change back; returns what would be saved. */
function open(part: Partial<Settings> = {}) {
  const current = { settings: { ...added, ...part } };
  function Page() {
    const [options, setOptions] = useState(current.settings);
    current.settings = options;
    return <ConfigEditor options={options} onOptionsChange={setOptions} />;
  }
  return { ...render(<Page />), saved: () => current.settings, user: userEvent.setup() };
}

describe('the config editor', () => {
  beforeEach(() =>
    grafanaHas({ uid: 'traces-1', type: 'tempo', name: 'Our traces' }, { uid: 'logs-1', type: 'loki', name: 'Our logs' })
  );

  test('keeps every setting out of the standard fields, which the data proxy would use', async () => {
    const { user, saved } = open();
    await user.type(screen.getByLabelText(new RegExp(text.address)), 'db:9440');
    await user.click(screen.getByRole('radio', { name: text.protocols.native }));
    await user.click(screen.getByLabelText(new RegExp(`^${text.secure}`)));
    await user.type(screen.getByLabelText(new RegExp(`^${text.username}`)), 'reader');
    await user.type(screen.getByLabelText(text.password), 'secret');
    await user.type(screen.getByLabelText(text.database), 'rum');
    await user.type(screen.getByLabelText(new RegExp(text.defaultApp)), 'shop');
    await user.type(screen.getByLabelText(new RegExp(text.defaultEnvironment)), 'staging');

    const { jsonData, secureJsonData, secureJsonFields: _, ...standard } = saved();
    expect(jsonData).toEqual({
      address: 'db:9440',
      protocol: 'native',
      secure: true,
      username: 'reader',
      database: 'rum',
      defaultApp: 'shop',
      defaultEnvironment: 'staging',
    });
    expect(secureJsonData).toEqual({ password: 'secret' });
    const { jsonData: _j, secureJsonFields: _f, ...untouched } = added;
    expect(standard).toEqual(untouched);
  });

  test('leaves an emptied field to the default of the backend', async () => {
    const { user, saved } = open({ jsonData: { database: 'rum', address: 'db:8123' } });
    await user.clear(screen.getByLabelText(text.database));
    expect(saved().jsonData).toEqual({ address: 'db:8123' });
  });

  test('asks for certificates only when TLS is used', async () => {
    const { user, saved } = open();
    expect(screen.queryByLabelText(new RegExp(text.tlsCACert))).toBeNull();
    await user.click(screen.getByLabelText(new RegExp(`^${text.secure}`)));
    await user.type(screen.getByLabelText(new RegExp(text.tlsCACert)), '-----BEGIN');
    await user.click(screen.getByLabelText(new RegExp(text.tlsSkipVerify)));
    expect(saved().secureJsonData).toEqual({ tlsCACert: '-----BEGIN' });
    expect(saved().jsonData).toEqual({ secure: true, tlsSkipVerify: true });
  });

  test('never shows a stored password, and forgets it on request', async () => {
    const { user, saved } = open({ secureJsonFields: { password: true } });
    expect(screen.getByLabelText<HTMLInputElement>(text.password).disabled).toBe(true);
    await user.click(screen.getByRole('button', { name: /reset/i }));
    expect(saved().secureJsonFields.password).toBe(false);
    expect(saved().secureJsonData?.password).toBe('');
  });

  test('sets who may see what', async () => {
    const { user, saved } = open();
    await user.click(screen.getByText(text.access));
    await user.type(screen.getByLabelText(new RegExp(`^${text.apps}`)), 'shop{Enter}blog{Enter}');
    const role = screen.getByRole('radiogroup', { name: text.sessionRole });
    await user.click(within(role).getByRole('radio', { name: 'Admin' }));
    await user.click(screen.getByLabelText(new RegExp(text.idsInAlerts)));
    await user.type(screen.getByLabelText(new RegExp(`^${text.minViews}`)), '20');
    expect(saved().jsonData).toEqual({ apps: ['shop', 'blog'], sessionRole: 'Admin', idsInAlerts: true, minViews: 20 });
  });

  test('sets what a question may cost', async () => {
    const { user, saved } = open();
    await user.click(screen.getByText(text.limits));
    const limits = { minSamples: 200, maxRows: 500, maxExecutionSeconds: 12, maxMemoryMB: 512, maxRowsRead: 9_000_000_000 };
    for (const [limit, value] of Object.entries(limits)) {
      const { label } = text.limit[limit as keyof typeof limits];
      await user.type(screen.getByLabelText(new RegExp(`^${label}`)), String(value));
    }
    expect(saved().jsonData).toEqual(limits);
  });

  test('links to data sources of the fitting kind only', async () => {
    const { user, saved } = open();
    await user.click(screen.getByLabelText(new RegExp(`^${text.tempo}`)));
    expect(await screen.findByText('Our traces')).toBeTruthy();
    expect(screen.queryByText('Our logs')).toBeNull();
    await user.click(screen.getByText('Our traces'));
    expect(screen.queryByLabelText(new RegExp(text.lokiQuery))).toBeNull();
    await user.click(screen.getByLabelText(new RegExp(`^${text.loki}`)));
    await user.click(await screen.findByText('Our logs'));
    await user.click(screen.getByLabelText(new RegExp(text.lokiQuery)));
    await user.paste('{app="shop"} |= "${traceId}"');
    expect(saved().jsonData).toEqual({
      tempoUid: 'traces-1',
      lokiUid: 'logs-1',
      lokiQuery: '{app="shop"} |= "${traceId}"',
    });
  });

  test('asks where Tempo is reached once there is one, and for how long it keeps traces', async () => {
    const { user, saved } = open({ jsonData: { tempoUid: 'traces-1', lokiUid: 'logs-1' } });
    await user.type(screen.getByLabelText(new RegExp(text.tempoUrl)), 'http://tempo:3200');
    await user.type(screen.getByLabelText(new RegExp(text.tempoRetention)), '30');
    await user.click(screen.getByLabelText(new RegExp(text.lokiRequestQuery)));
    await user.paste('{app="nginx"} |= "${requestId}"');
    expect(saved().jsonData).toMatchObject({
      tempoUrl: 'http://tempo:3200',
      tempoRetentionDays: 30,
      lokiRequestQuery: '{app="nginx"} |= "${requestId}"',
    });
  });

  test('says where the login of the local engine is found, until there is an address', async () => {
    const { user } = open();
    expect(screen.getByText(text.engineHint)).toBeTruthy();
    await user.type(screen.getByLabelText(new RegExp(text.address)), 'db');
    expect(screen.queryByText(text.engineHint)).toBeNull();
  });

  test('can be used without seeing it', async () => {
    const { user, container } = open({ jsonData: { secure: true } });
    await user.click(screen.getByText(text.access));
    await user.click(screen.getByText(text.limits));
    expect(await barriers(container)).toEqual([]);
  });
});
