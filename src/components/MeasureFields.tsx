import { InlineField, Select } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import type { PartProps } from './layout';
import { useSuggestions } from './useSuggestions';

const vitals = Object.entries(labels.metrics).map(([value, text]) => ({ value, ...text }));
const percentiles = [50, 75, 90, 95, 99].map(percentileOption);

/** What is measured, and which percentile of it is told. */
export function MeasureFields({ id, datasource, query, range, set }: PartProps) {
  const suggestions = useSuggestions(datasource, 'metric', { query, range });
  const timings = suggestions.options.filter(({ value }) => !vitals.some((vital) => vital.value === value));
  const metrics = [...vitals, ...timings];
  const metric = query.metric ?? 'lcp';
  const percentile = query.percentile ?? 75;
  return (
    <>
      <InlineField label={labels.query.metric} tooltip={labels.query.metricTooltip} htmlFor={`${id}-metric`}>
        <Select
          inputId={`${id}-metric`}
          aria-label={labels.query.metric}
          width={20}
          options={metrics}
          isLoading={suggestions.isLoading}
          onOpenMenu={suggestions.load}
          value={metrics.find(({ value }) => value === metric) ?? { value: metric, label: metric }}
          allowCustomValue
          formatCreateLabel={labels.query.useTyped}
          onChange={({ value }) => set({ metric: value })}
        />
      </InlineField>
      <InlineField
        label={labels.query.percentile}
        tooltip={labels.query.percentileTooltip}
        htmlFor={`${id}-percentile`}
      >
        <Select<number>
          inputId={`${id}-percentile`}
          aria-label={labels.query.percentile}
          width={12}
          options={percentiles}
          value={percentileOption(percentile)}
          allowCustomValue
          isValidNewOption={(typed) => isPercentile(typed)}
          onCreateOption={(typed) => set({ percentile: numberOf(typed) })}
          onChange={({ value }) => set({ percentile: value })}
        />
      </InlineField>
    </>
  );
}

function percentileOption(value: number) {
  return { value, label: `p${value}` };
}

/** Takes "98" and "p98" alike. */
function numberOf(typed: string): number {
  return Number(typed.trim().replace(/^p/i, '') || NaN);
}

function isPercentile(typed: string): boolean {
  const number = numberOf(typed);
  return number >= 1 && number <= 99.9;
}
