// Package harness runs whole networks of real gateway processes for the black-box tests: real request APIs (json-server in both
// generations, PocketBase) and one of its own with fault switches, real Redis, TCP links that can be cut, and processes that can
// be killed and started again. Tests talk to all of them over HTTP as a client would, and know nothing of the inside.
//
// A test reads like a time line:
//
//	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `- {name: all, copy: {to: all}}`})
//	made := n.At("oslo").Create("/tickets", `{"subject":"lamp"}`).Want(201)
//	n.Cut("oslo", "rome")
//	...
//
// Everything that is started is stopped by the test's cleanup, and the logs of processes are printed when the test failed.
package harness
