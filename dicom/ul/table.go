package ul

// ___ marks the combinations that the standard leaves blank: they cannot
// happen, or the local user may not do that now.
const ___ = none

// table is PS3.8 table 9-10: events down, states across.
var table = [events + 1][states + 1]action{
	//         Sta1 Sta2 Sta3 Sta4 Sta5 Sta6 Sta7 Sta8 Sta9 10   11   12   Sta13
	Evt1:  {0, ae1, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___},
	Evt2:  {0, ___, ___, ___, ae2, ___, ___, ___, ___, ___, ___, ___, ___, ___},
	Evt3:  {0, ___, aa1, aa8, ___, ae3, aa8, aa8, aa8, aa8, aa8, aa8, aa8, aa6},
	Evt4:  {0, ___, aa1, aa8, ___, ae4, aa8, aa8, aa8, aa8, aa8, aa8, aa8, aa6},
	Evt5:  {0, ae5, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___},
	Evt6:  {0, ___, ae6, aa8, ___, aa8, aa8, aa8, aa8, aa8, aa8, aa8, aa8, aa7},
	Evt7:  {0, ___, ___, ae7, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___},
	Evt8:  {0, ___, ___, ae8, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___},
	Evt9:  {0, ___, ___, ___, ___, ___, dt1, ___, ar7, ___, ___, ___, ___, ___},
	Evt10: {0, ___, aa1, aa8, ___, aa8, dt2, ar6, aa8, aa8, aa8, aa8, aa8, aa6},
	Evt11: {0, ___, ___, ___, ___, ___, ar1, ___, ___, ___, ___, ___, ___, ___},
	Evt12: {0, ___, aa1, aa8, ___, aa8, ar2, ar8, aa8, aa8, aa8, aa8, aa8, aa6},
	Evt13: {0, ___, aa1, aa8, ___, aa8, aa8, ar3, aa8, aa8, ar10, ar3, aa8, aa6},
	Evt14: {0, ___, ___, ___, ___, ___, ___, ___, ar4, ar9, ___, ___, ar4, ___},
	Evt15: {0, ___, ___, aa1, aa2, aa1, aa1, aa1, aa1, aa1, aa1, aa1, aa1, ___},
	Evt16: {0, ___, aa2, aa3, ___, aa3, aa3, aa3, aa3, aa3, aa3, aa3, aa3, aa2},
	Evt17: {0, ___, aa5, aa4, aa4, aa4, aa4, aa4, aa4, aa4, aa4, aa4, aa4, ar5},
	Evt18: {0, ___, aa2, ___, ___, ___, ___, ___, ___, ___, ___, ___, ___, aa2},
	Evt19: {0, ___, aa1, aa8, ___, aa8, aa8, aa8, aa8, aa8, aa8, aa8, aa8, aa7},
}
