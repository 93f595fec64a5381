package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	var r report
	r.add(figure{Part: "pass", Name: "CPU", System: "x", Unit: "us"}, []float64{3, 1, 2}, atMost(2))
	r.add(figure{Part: "pass", Name: "CPU ratio", System: "x"}, []float64{1.2}, atMost(1.1))
	r.add(figure{Part: "idle", Name: "memory", System: "x"}, []float64{60}, below(60))
	r.add(figure{Part: "idle", Name: "nothing", System: "y"}, nil, nil)
	r.note("again")
	r.note("again")
	var text strings.Builder
	if err := r.writeTable(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PASS", "IDLE", "2.00", "<= 2 met", "<= 1.1 not met", "< 60 not met", "nothing of y was not measured"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if strings.Count(text.String(), "again") != 1 {
		t.Error("a note stands once")
	}
	text.Reset()
	if err := r.writeJSON(&text); err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal([]byte(text.String()), &back); err != nil || len(back.Figures) != 3 || back.Figures[0].Target == nil || !back.Figures[0].Target.Met {
		t.Errorf("%v: %s", err, text.String())
	}
}

func TestGrouped(t *testing.T) {
	var r report
	for _, system := range []string{"x", "y"} {
		for _, name := range []string{"CPU", "rate"} {
			r.add(figure{Part: "pass", Name: name, System: system}, []float64{1}, nil)
		}
	}
	var got string
	for _, f := range r.grouped() {
		got += f.Name + f.System + " "
	}
	if got != "CPUx CPUy ratex ratey " {
		t.Errorf("%s: the same figure of all systems must stand together", got)
	}
}

func TestPickParts(t *testing.T) {
	got, err := pickParts(" writes,idle")
	if err != nil || len(got) != 2 || got[0].name != "idle" || got[1].name != "writes" {
		t.Errorf("%v, %v: want idle and writes, in the order of the run", got, err)
	}
	if _, err := pickParts("pass,speed"); err == nil || !strings.Contains(err.Error(), `"speed"`) {
		t.Errorf("an unknown part: %v", err)
	}
	if all, err := pickParts(""); err != nil || len(all) != len(parts()) {
		t.Errorf("%v, %v", all, err)
	}
}

func TestOptions(t *testing.T) {
	quick := options{quick: true}
	if err := quick.complete(); err != nil || quick.backlog != 5000 || quick.limit.Seconds() != 90 {
		t.Errorf("%+v, %v", quick, err)
	}
	kept := options{rounds: 2, seconds: 3, backlog: 7}
	if err := kept.complete(); err != nil || kept.rounds != 2 || kept.seconds != 3 || kept.backlog != 7 {
		t.Errorf("%+v, %v: what is given must stand", kept, err)
	}
	for _, bad := range []options{{rounds: -1}, {seconds: 0.01}, {backlog: -5}, {only: "nothing"}} {
		if err := bad.complete(); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
