// Package docs executes what README.md, docs/ and the examples' READMEs tell the reader to type, and compares what comes with what
// they show. A page is a story: its blocks run in their order, those of one scene in one place that remembers.
//
// Before each block stands a comment that readers do not see and that says in which scene it belongs:
//
//	<!-- test: SCENE -->              sh, console: run there; yaml: laid into network.yaml there
//	<!-- test: SCENE, exit 2 -->      the last command ends with 2
//	<!-- test: SCENE, file a.json --> the block is what that file there holds
//	<!-- test: network -->            yaml: a whole network file that is taken
//	<!-- test: fragment BASE -->      yaml: a part that is taken when it is laid over BASE: an example of configs/ or readme, the
//	                                  file of README.md; "fragment BASE at sites.chicago" where the part lies deeper; with ", each line"
//	                                  every line of the block is a part of its own
//	<!-- test: held -->               commands that are known with their flags, and make targets that are there; nothing is run
//	<!-- test: by FILE NAME -->       another test does it
//	<!-- test: none because REASON -->
//	<!-- test: page SCENE -->         near the top: what holds for all blocks of the page that do not say anything else
//
// Scenes are shell (a folder of its own), "demo NAME" (meridian demo is running there) and two (the two sites of README.md's network file,
// each with a request API, run by two processes) and "two blind" (the same without an external id). In all of them meridian is on the path, and the ports of the documentation stand for free ones.
//
// A block of ```text below one of ```sh is what that prints. Ids, times, durations and hashes may be others; … stands for any text within
// a line, and for any number of lines where it is alone in one. A block of ```json below one of ```sh has the shape of what that prints: the
// same keys with values of the same kinds, … among them for any more. In ```console what is typed begins with "$ ". What only looks is repeated until it sees what is
// shown. MERIDIAN_DOCS=write writes what came into the pages.
//
// Comments such as <!-- stage: cut --> move the scene without the reader: see stage_test.go.
package docs

import (
	"os"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Tidy()
	os.Exit(code)
}
