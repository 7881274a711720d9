import { InlineField, MultiSelect } from '@grafana/ui';
import React from 'react';
import { dimensionOption, dimensionsOf } from '../dimensions';
import { labels } from '../labels';
import { maxGroups } from '../queryTypes';
import type { PartProps } from './layout';

/** By what the answer is split into segments. */
export function GroupByField({ id, query, set }: PartProps) {
  const groupBy = query.groupBy ?? [];
  const full = groupBy.length >= maxGroups;
  const options = dimensionsOf(query.queryType ?? 'vitals').map(dimensionOption);
  return (
    <InlineField label={labels.query.groupBy} tooltip={labels.query.groupByTooltip} htmlFor={`${id}-groupBy`}>
      <MultiSelect
        inputId={`${id}-groupBy`}
        aria-label={labels.query.groupBy}
        width={40}
        options={options}
        isOptionDisabled={() => full}
        value={groupBy.map(dimensionOption)}
        placeholder={labels.query.groupByPlaceholder}
        allowCustomValue
        isValidNewOption={(typed) => typed.includes('$') && !full}
        formatCreateLabel={labels.query.useTyped}
        onChange={(chosen) => set({ groupBy: chosen.flatMap(({ value }) => value ?? []) })}
      />
    </InlineField>
  );
}
