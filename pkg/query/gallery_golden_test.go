package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGoldenGallery holds whole answers of the plugin's binary about pages, resources and actions to what they were.
func TestGoldenGallery(t *testing.T) {
	g := theGallery(t)
	for name, query := range galleryQuestions {
		t.Run(name, func(t *testing.T) {
			holdGolden(t, name, askPlugin(t, query, g.day()))
		})
	}
}

var galleryQuestions = map[string]string{
	"pages_table":       `{` + galleryPages + `,"format":"table","compare":"previous","minSamples":20}`,
	"pages_series":      `{` + galleryPages + `,"groupBy":["device"],"minSamples":20,"limit":8}`,
	"pages_dom":         `{` + galleryPages + `,"metric":"dom","groupBy":["route"],"limit":2}`,
	"pages_nothing":     `{` + galleryPages + `,"filters":[{"key":"os","values":["BeOS"]}]}`,
	"resources":         `{` + galleryResources + `,"compare":"previous","minSamples":20}`,
	"resources_party":   `{` + galleryResources + `,"groupBy":["party"],"limit":1}`,
	"resources_nothing": `{` + galleryResources + `,"filters":[{"key":"os","values":["BeOS"]}]}`,
	"actions_series":    `{` + galleryActions + `,"groupBy":["kind"],"limit":2}`,
	"actions_rage":      `{` + galleryActions + `,"filters":[{"key":"kind","values":["rage"]}]}`,
	"actions_table":     `{` + galleryActions + `,"format":"table","minSamples":20,"limit":3}`,
}

// Whatever they are grouped by, alert rules can take every series, and no dimension lacks its column.
func TestPagesResourcesAndActionsByEveryDimension(t *testing.T) {
	g := theGallery(t)
	for _, name := range []string{"pages", "resources", "actions"} {
		kind, err := typeByName(name)
		require.NoError(t, err)
		for _, d := range dimensionsOf(kind.table) {
			for _, format := range kind.formats {
				got := frames(t, jsonOf(map[string]any{"queryType": name, "app": "gallery", "format": format, "groupBy": d.key}),
					g.day())
				require.NotZero(t, got[0].Rows(), "%s by %s", name, d.key)
				for _, frame := range got {
					checkFrame(t, frame)
				}
			}
		}
	}
}
