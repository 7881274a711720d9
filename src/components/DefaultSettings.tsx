import { Field, FieldSet, Input } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { type ConfigProps, useSettings } from './useSettings';

const text = labels.config;

/** What a query means that leaves these out. */
export function DefaultSettings(props: ConfigProps) {
  const { settings, set } = useSettings(props);
  return (
    <FieldSet label={text.defaults}>
      <Field label={text.defaultApp} description={text.defaultAppDescription}>
        <Input
          id="sightline-default-app"
          width={50}
          placeholder={text.defaultAppPlaceholder}
          value={settings.defaultApp ?? ''}
          onChange={(event) => set('defaultApp', event.currentTarget.value)}
        />
      </Field>
      <Field label={text.defaultEnvironment} description={text.defaultEnvironmentDescription}>
        <Input
          id="sightline-default-environment"
          width={50}
          placeholder={text.defaultEnvironmentPlaceholder}
          value={settings.defaultEnvironment ?? ''}
          onChange={(event) => set('defaultEnvironment', event.currentTarget.value)}
        />
      </Field>
    </FieldSet>
  );
}
