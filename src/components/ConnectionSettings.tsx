import { css } from '@emotion/css';
import { Alert, Field, FieldSet, Input, SecretInput, Switch } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import type { Protocol } from '../types';
import { RadioGroup } from './RadioGroup';
import { type ConfigProps, useSettings } from './useSettings';

const text = labels.config;
const width = 50;
const hint = css({ paddingLeft: '1.5em' });
const protocols: Array<{ value: Protocol; label: string }> = [
  { value: 'http', label: text.protocols.http },
  { value: 'native', label: text.protocols.native },
];

/** Where ClickHouse is, and as whom to read from it. */
export function ConnectionSettings(props: ConfigProps) {
  const { settings, set, secret } = useSettings(props);
  const password = secret('password');
  return (
    <FieldSet label={text.connection}>
      {!settings.address && (
        <Alert severity="info" title={text.engineHint}>
          <ul className={hint}>
            {text.engineHints.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </Alert>
      )}
      <Field label={text.address} description={text.addressDescription} required>
        <Input
          id="sightline-address"
          width={width}
          placeholder={text.addressPlaceholder}
          value={settings.address ?? ''}
          onChange={(event) => set('address', event.currentTarget.value)}
        />
      </Field>
      <Field label={text.protocol} description={text.protocolDescription}>
        <RadioGroup
          label={text.protocol}
          options={protocols}
          value={settings.protocol ?? 'http'}
          onChange={(protocol) => set('protocol', protocol)}
        />
      </Field>
      <Field label={text.secure} description={text.secureDescription}>
        <Switch
          id="sightline-secure"
          value={settings.secure ?? false}
          onChange={(event) => set('secure', event.currentTarget.checked)}
        />
      </Field>
      <Field label={text.username} description={text.usernameDescription}>
        <Input
          id="sightline-username"
          width={width}
          autoComplete="off"
          placeholder={text.usernamePlaceholder}
          value={settings.username ?? ''}
          onChange={(event) => set('username', event.currentTarget.value)}
        />
      </Field>
      <Field label={text.password}>
        <SecretInput
          id="sightline-password"
          width={width}
          autoComplete="new-password"
          isConfigured={password.isConfigured}
          value={password.value}
          onChange={(event) => password.set(event.currentTarget.value)}
          onReset={password.reset}
        />
      </Field>
      <Field label={text.database}>
        <Input
          id="sightline-database"
          width={width}
          placeholder={text.databasePlaceholder}
          value={settings.database ?? ''}
          onChange={(event) => set('database', event.currentTarget.value)}
        />
      </Field>
    </FieldSet>
  );
}
