import { InlineField, MultiSelect } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { dimensionOption } from '../schema';
import { labelWidth, type PartProps } from './layout';

/** The backend takes no more: with a fourth, segments are too small to say anything. */
const maxGroups = 3;

/** By what the answer is split into segments. */
export function GroupByField({ id, type, query, set }: PartProps) {
  const groupBy = query.groupBy ?? [];
  const full = groupBy.length >= maxGroups;
  return (
    <InlineField
      label={labels.query.groupBy}
      labelWidth={labelWidth}
      tooltip={labels.query.groupByTooltip}
      htmlFor={`${id}-groupBy`}
    >
      <MultiSelect
        inputId={`${id}-groupBy`}
        aria-label={labels.query.groupBy}
        width={52}
        options={type.dimensions.map(({ key }) => dimensionOption(key, type.dimensions))}
        isOptionDisabled={() => full}
        value={groupBy.map((key) => dimensionOption(key, type.dimensions))}
        placeholder={labels.query.groupByPlaceholder}
        allowCustomValue
        isValidNewOption={(typed) => typed.includes('$') && !full}
        formatCreateLabel={labels.query.useTyped}
        onChange={(chosen) => set({ groupBy: chosen.flatMap(({ value }) => value ?? []) })}
      />
    </InlineField>
  );
}
