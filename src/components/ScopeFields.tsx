import { InlineField, Select } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { labelWidth, type PartProps } from './layout';
import { useSuggestions } from './useSuggestions';

const text = labels.query;

/** Whose visitors: the app and the environment. */
export function ScopeFields(props: PartProps) {
  const { datasource } = props;
  return (
    <>
      <ScopeField
        {...props}
        field="app"
        label={text.app}
        tooltip={text.appTooltip}
        width={labelWidth}
        fallback={datasource.settings.defaultApp}
      />
      <ScopeField
        {...props}
        field="environment"
        label={text.environment}
        tooltip={text.environmentTooltip}
        fallback={datasource.settings.defaultEnvironment || 'production'}
      />
    </>
  );
}

interface ScopeProps extends PartProps {
  field: 'app' | 'environment';
  label: string;
  tooltip: string;
  width?: number;
  /** What holds when nothing is chosen. */
  fallback?: string;
}

function ScopeField({ id, datasource, query, range, set, field, label, tooltip, width, fallback }: ScopeProps) {
  const value = query[field];
  const { options, isLoading, load } = useSuggestions(datasource, field, { query, range });
  return (
    <InlineField label={label} labelWidth={width} tooltip={tooltip} htmlFor={`${id}-${field}`}>
      <Select
        inputId={`${id}-${field}`}
        aria-label={label}
        width={24}
        options={options}
        isLoading={isLoading}
        onOpenMenu={load}
        value={value ? { value, label: value } : null}
        placeholder={fallback ? text.fromDataSource(fallback) : text.defaultOfDataSource}
        isClearable
        allowCustomValue
        formatCreateLabel={text.useTyped}
        onChange={(chosen) => set({ [field]: chosen?.value })}
      />
    </InlineField>
  );
}
