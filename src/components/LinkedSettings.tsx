import type { DataSourceInstanceSettings } from '@grafana/data';
import { DataSourcePicker } from '@grafana/runtime';
import { Field, FieldSet, Input } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import type { SightlineSettings } from '../types';
import { type ConfigProps, useSettings } from './useSettings';

const text = labels.config;

/** Where the ids in an answer lead: from a slow visit to its trace, its logs, and the service behind it. */
export function LinkedSettings(props: ConfigProps) {
  const { settings, set } = useSettings(props);
  return (
    <FieldSet label={text.linked}>
      <Linked {...props} setting="tempoUid" label={text.tempo} description={text.tempoDescription} types={['tempo']} />
      {settings.tempoUid && (
        <>
          <Field label={text.tempoUrl} description={text.tempoUrlDescription}>
            <Input
              id="sightline-tempo-url"
              width={50}
              placeholder={text.tempoUrlPlaceholder}
              value={settings.tempoUrl ?? ''}
              onChange={(event) => set('tempoUrl', event.currentTarget.value)}
            />
          </Field>
          <Field label={text.tempoRetention} description={text.tempoRetentionDescription}>
            <Input
              id="sightline-tempo-retention"
              type="number"
              min={1}
              width={12}
              placeholder="14"
              value={settings.tempoRetentionDays ?? ''}
              onChange={(event) => set('tempoRetentionDays', Number(event.currentTarget.value) || undefined)}
            />
          </Field>
        </>
      )}
      <Linked {...props} setting="lokiUid" label={text.loki} description={text.lokiDescription} types={['loki']} />
      {settings.lokiUid && (
        <>
          <Field label={text.lokiQuery} description={text.lokiQueryDescription}>
            <Input
              id="sightline-loki-query"
              width={80}
              placeholder={text.lokiQueryPlaceholder}
              value={settings.lokiQuery ?? ''}
              onChange={(event) => set('lokiQuery', event.currentTarget.value)}
            />
          </Field>
          <Field label={text.lokiRequestQuery} description={text.lokiRequestQueryDescription}>
            <Input
              id="sightline-loki-request-query"
              width={80}
              placeholder={text.lokiRequestQueryPlaceholder}
              value={settings.lokiRequestQuery ?? ''}
              onChange={(event) => set('lokiRequestQuery', event.currentTarget.value)}
            />
          </Field>
        </>
      )}
      <Linked
        {...props}
        setting="prometheusUid"
        label={text.prometheus}
        description={text.prometheusDescription}
        types={['prometheus', 'grafana-amazonprometheus-datasource', 'grafana-azureprometheus-datasource']}
      />
      {settings.prometheusUid && (
        <Field label={text.prometheusQuery} description={text.prometheusQueryDescription}>
          <Input
            id="sightline-prometheus-query"
            width={80}
            placeholder={text.prometheusQueryPlaceholder}
            value={settings.prometheusQuery ?? ''}
            onChange={(event) => set('prometheusQuery', event.currentTarget.value)}
          />
        </Field>
      )}
    </FieldSet>
  );
}

interface LinkedProps extends ConfigProps {
  setting: keyof Pick<SightlineSettings, 'tempoUid' | 'lokiUid' | 'prometheusUid'>;
  label: string;
  description: string;
  types: string[];
}

function Linked({ setting, label, description, types, ...props }: LinkedProps) {
  const { settings, set } = useSettings(props);
  const inputId = `sightline-${setting}`;
  return (
    <Field label={label} description={description} htmlFor={inputId}>
      <DataSourcePicker
        inputId={inputId}
        width={50}
        current={settings[setting] ?? null}
        noDefault
        placeholder={text.linkedPlaceholder}
        filter={({ type }: DataSourceInstanceSettings) => types.includes(type)}
        onChange={({ uid }) => set(setting, uid)}
        onClear={() => set(setting, undefined)}
      />
    </Field>
  );
}
