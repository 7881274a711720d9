import type { QueryEditorProps } from '@grafana/data';
import { InlineField, InlineFieldRow, Select } from '@grafana/ui';
import React, { useEffect, useId } from 'react';
import type { DataSource } from '../datasource';
import { labels } from '../labels';
import { defaultQuery, panelTypes, shapeOf, withType } from '../queryTypes';
import type { Format, QueryType, SightlineQuery, SightlineSettings } from '../types';
import { FilterRows } from './FilterRows';
import { GroupByField } from './GroupByField';
import { labelWidth } from './layout';
import { MeasureFields } from './MeasureFields';
import { ScopeFields } from './ScopeFields';
import { SessionField } from './SessionField';

type Props = QueryEditorProps<DataSource, SightlineQuery, SightlineSettings>;

/** Asks a question without SQL: what, of whom, split by what, in which shape. Every change runs the query. */
export function QueryEditor({ datasource, query: stored, range, app, onChange, onRunQuery }: Props) {
  const id = useId();
  const query: SightlineQuery = stored.queryType ? stored : { ...defaultQuery(app), ...stored };
  useEffect(() => {
    // What is shown is what is saved: an alert rule is evaluated from its JSON, without the editor's defaults.
    if (!stored.queryType) {
      onChange(query);
    }
  });
  const type = query.queryType ?? 'vitals';
  const shape = shapeOf(type);
  const change = (next: SightlineQuery) => {
    onChange(next);
    onRunQuery();
  };
  const set = (part: Partial<SightlineQuery>) => change({ ...query, ...part });
  const parts = { id, datasource, query, range, set };

  return (
    <>
      <InlineFieldRow>
        <InlineField label={labels.query.type} labelWidth={labelWidth} htmlFor={`${id}-type`}>
          <Select<QueryType>
            inputId={`${id}-type`}
            aria-label={labels.query.type}
            width={24}
            options={panelTypes.map((value) => ({ value, ...labels.queryTypes[value] }))}
            value={type}
            onChange={({ value }) => value && change(withType(query, value))}
          />
        </InlineField>
        {shape.measures && <MeasureFields {...parts} />}
        {type === 'session' && <SessionField key={query.sessionId} {...parts} />}
        {shape.formats.length > 1 && (
          <InlineField label={labels.query.format} htmlFor={`${id}-format`}>
            <Select<Format>
              inputId={`${id}-format`}
              aria-label={labels.query.format}
              width={18}
              options={shape.formats.map((value) => ({ value, ...labels.formats[value] }))}
              value={query.format ?? shape.formats[0]}
              onChange={({ value }) => set({ format: value })}
            />
          </InlineField>
        )}
      </InlineFieldRow>
      <InlineFieldRow>
        <ScopeFields {...parts} />
        {shape.groups && <GroupByField {...parts} />}
      </InlineFieldRow>
      <FilterRows {...parts} />
    </>
  );
}
