import { InlineField, Select } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { nameOf } from '../names';
import { measuresOf, uses } from '../questions';
import { labelWidth, type PartProps } from './layout';
import { useSuggestions } from './useSuggestions';

const percentiles = [50, 75, 90, 95, 99];

/** What is measured, and which percentile of it is told. */
export function MeasureFields(props: PartProps) {
  const { type, query } = props;
  return (
    <>
      {uses(type, 'metric', query) && <MeasureField {...props} />}
      {uses(type, 'measure', query) && <ShareField {...props} />}
      {uses(type, 'percentile', query) && <PercentileField {...props} />}
    </>
  );
}

function MeasureField({ id, datasource, schema, type, query, range, set }: PartProps) {
  const { keys, fallback, custom } = measuresOf(type, schema);
  const suggestions = useSuggestions(datasource, 'metric', { query, range });
  const timings = custom ? suggestions.options.filter(({ value }) => value && !keys.includes(value)) : [];
  const metric = query.metric || fallback;
  return (
    <InlineField
      label={labels.query.metric}
      labelWidth={labelWidth}
      tooltip={labels.query.metricTooltip}
      htmlFor={`${id}-metric`}
    >
      <Select
        inputId={`${id}-metric`}
        aria-label={labels.query.metric}
        width={24}
        options={[...keys.map(measureOption), ...timings]}
        isLoading={custom && suggestions.isLoading}
        onOpenMenu={custom ? suggestions.load : undefined}
        value={metric ? measureOption(metric) : null}
        placeholder={labels.query.everyMetric}
        isClearable={!fallback}
        allowCustomValue
        isValidNewOption={(typed) => typed.trim() !== '' && (custom || typed.includes('$'))}
        formatCreateLabel={labels.query.useTyped}
        onChange={(chosen) => set({ metric: chosen?.value })}
      />
    </InlineField>
  );
}

function measureOption(value: string) {
  return { value, label: nameOf(value), ...labels.metrics[value] };
}

/** What of the measure: its percentile, or the share of samples with a rating. */
function ShareField({ id, type, query, set }: PartProps) {
  const options = (type.measures ?? []).map((value) => ({ value, label: labels.measures[value] ?? nameOf(value) }));
  return (
    <InlineField label={labels.query.measure} tooltip={labels.query.measureTooltip} htmlFor={`${id}-measure`}>
      <Select
        inputId={`${id}-measure`}
        aria-label={labels.query.measure}
        width={20}
        options={options}
        value={options.find(({ value }) => value === (query.measure || type.measures?.[0])) ?? null}
        onChange={({ value }) => set({ measure: value })}
      />
    </InlineField>
  );
}

function PercentileField({ id, query, set }: PartProps) {
  return (
    <InlineField label={labels.query.percentile} tooltip={labels.query.percentileTooltip} htmlFor={`${id}-percentile`}>
      <Select<number | string>
        inputId={`${id}-percentile`}
        aria-label={labels.query.percentile}
        width={12}
        options={percentiles.map(percentileOption)}
        value={percentileOption(query.percentile ?? 75)}
        allowCustomValue
        isValidNewOption={(typed) => isPercentile(typed)}
        onCreateOption={(typed) => set({ percentile: typed.includes('$') ? typed.trim() : numberOf(typed) })}
        onChange={({ value }) => set({ percentile: value })}
      />
    </InlineField>
  );
}

function percentileOption(value: number | string) {
  return { value, label: typeof value === 'number' ? `p${value}` : value };
}

/** Takes "98" and "p98" alike. */
function numberOf(typed: string): number {
  return Number(typed.trim().replace(/^p/i, '') || NaN);
}

function isPercentile(typed: string): boolean {
  const number = numberOf(typed);
  return typed.includes('$') || (number >= 1 && number <= 99.9);
}
