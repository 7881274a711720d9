import { Field, FieldSet, Input, SecretTextArea, Switch } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import type { SightlineSecrets } from '../types';
import { type ConfigProps, useSettings } from './useSettings';

const text = labels.config;

/** Whom to trust, and how to prove who we are. */
export function TlsSettings(props: ConfigProps) {
  const { settings, set } = useSettings(props);
  return (
    <FieldSet label={text.tls}>
      <Field label={text.tlsServerName} description={text.tlsServerNameDescription}>
        <Input
          id="sightline-tls-server-name"
          width={50}
          value={settings.tlsServerName ?? ''}
          onChange={(event) => set('tlsServerName', event.currentTarget.value)}
        />
      </Field>
      <Pem {...props} name="tlsCACert" label={text.tlsCACert} description={text.tlsCACertDescription} />
      <Pem {...props} name="tlsClientCert" label={text.tlsClientCert} description={text.tlsClientCertDescription} />
      <Pem {...props} name="tlsClientKey" label={text.tlsClientKey} />
      <Field label={text.tlsSkipVerify} description={text.tlsSkipVerifyDescription}>
        <Switch
          id="sightline-tls-skip-verify"
          value={settings.tlsSkipVerify ?? false}
          onChange={(event) => set('tlsSkipVerify', event.currentTarget.checked)}
        />
      </Field>
    </FieldSet>
  );
}

interface PemProps extends ConfigProps {
  name: keyof SightlineSecrets;
  label: string;
  description?: string;
}

function Pem({ name, label, description, ...props }: PemProps) {
  const secret = useSettings(props).secret(name);
  return (
    <Field label={label} description={description}>
      <SecretTextArea
        id={`sightline-${name}`}
        cols={60}
        rows={5}
        placeholder={text.pemPlaceholder}
        isConfigured={secret.isConfigured}
        value={secret.value}
        onChange={(event) => secret.set(event.currentTarget.value)}
        onReset={secret.reset}
      />
    </Field>
  );
}
