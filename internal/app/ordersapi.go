package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/worklist"
)

// registerOrders adds the routes for orders (docs/worklist.md).
func (a *App) registerOrders(g *echo.Group) {
	g.Use(problems)
	g.POST("", a.postOrder)
	g.GET("", a.listOrders)
	g.GET("/:id", a.getOrder)
	g.POST("/:id/cancel", a.cancelOrder)
	g.POST("/:id/status", a.setOrderStatus)
}

// problems answers what handlers refuse with a body that says why (RFC 9457).
func problems(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		var wrong *intake.Wrong
		var plain *echo.HTTPError
		switch {
		case err == nil || c.Response().Committed:
			return err
		case errors.As(err, &wrong):
		case errors.As(err, &plain):
			wrong = &intake.Wrong{Status: plain.Code, Detail: fmt.Sprint(plain.Message)}
		case halong.KindOf(err) == halong.NotExist:
			wrong = &intake.Wrong{Status: http.StatusNotFound, Detail: "there is no such thing, or the caller does not see it"}
		default:
			return err
		}
		return intake.AnswerWrong(c, wrong)
	}
}

// orderView is an order as the API shows it.
type orderView struct {
	*worklist.Order
	ID      string            `json:"id"` // a number that JavaScript would round
	Patient worklist.Identity `json:"patient"`
}

func viewOf(o *worklist.Order) orderView {
	s := o.Item()
	if o.Steps == nil {
		o.Steps = []worklist.Step{} // a list in JSON too
	}
	return orderView{o, strconv.FormatInt(o.ID, 10), worklist.Identity{
		ID: s.String(tag.PatientID), Issuer: s.String(tag.IssuerOfPatientID), Name: s.String(tag.PatientName),
		Birth: s.String(tag.PatientBirthDate), Sex: s.String(tag.PatientSex),
	}}
}

// maxOrderBody bounds a JSON order, in bytes.
const maxOrderBody = 1 << 20

// postOrder answers POST /api/orders: 201 with the order's Location, 200 where the order number is known. The order becomes a message, which is kept and
// processed like one that came by MLLP.
func (a *App) postOrder(c echo.Context) error {
	scope, f, err := scope(c)
	if err != nil {
		return err
	}
	body, err := intake.ReadBody(c, maxOrderBody)
	var o *intake.JSONOrder
	if err == nil {
		o, err = intake.ReadJSONOrder(body)
	}
	if err != nil {
		return err
	}
	known, err := a.orderNumbered(c.Request().Context(), f, o.Number)
	if err != nil {
		return err
	}
	control := intake.ControlID(f, body)
	if known != nil && known.Control == control { // sent again
		if err := goesOn(o, known); err != nil {
			return err
		}
		return a.answerOrder(c, http.StatusOK, known, o.Warnings)
	}
	return a.submitOrder(c, scope, f, o, known, control)
}

// reasonOf gives the innermost cause, which is worded for the sender.
func reasonOf(err error) string {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err.Error()
}

// orderNumbered finds the newest order of a facility with an order number; nil if there is none.
func (a *App) orderNumbered(ctx context.Context, f halong.Facility, number string) (*worklist.Order, error) {
	all, err := a.data.Index.List(ctx, halong.Scope{Own: f}, worklist.Listing{Number: number, Limit: 20})
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.Placer.ID == number {
			return o, nil
		}
	}
	return nil, nil
}

// submitOrder makes a message of an order and has it taken.
func (a *App) submitOrder(c echo.Context, scope halong.Scope, f halong.Facility, o *intake.JSONOrder, known *worklist.Order, control string) error {
	switch {
	case o.Action == "cancel" && known == nil:
		return &intake.Wrong{Status: http.StatusNotFound, Pointer: "/number", Detail: "there is no order with this number"}
	case o.Action == "cancel":
		o.Kind = string(known.Kind)
		if o.Patient.ID == "" && known.Patient != 0 { // who the message is sent on to is told of whom it is, as far as that is known by now
			p, err := a.data.Index.PatientWithKey(c.Request().Context(), known.Patient)
			if err != nil {
				return err
			}
			id, _ := p.Identity()
			o.Patient.ID, o.Patient.Authority, o.Patient.Name, o.Patient.BirthDate, o.Patient.Sex = id.ID, id.Authority, p.Name, p.Birth, p.Sex
		}
	}
	h := hl7v2.Header{SendingApplication: principal(c).Name, SendingFacility: string(f), ReceivingApplication: a.config.AE, Time: time.Now(), ControlID: control}
	raw, err := o.Message(h, known != nil).Encode(hl7v2.Standard, hl7v2.Lenient)
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, err.Error())
	}
	source := halong.Source{Protocol: "HTTP", Peer: principal(c).Name, Address: c.RealIP()}
	_, seq, err := a.data.intake.Submit(c.Request().Context(), intake.Rule{Facility: f}, source, raw)
	if err != nil {
		return err
	}
	now, err := a.orderNumbered(c.Request().Context(), f, o.Number)
	switch {
	case err != nil:
		return err
	case now == nil || now.Message != seq:
		return a.noOrder(c, scope, seq)
	case goesOn(o, now) != nil:
		return goesOn(o, now)
	case known == nil || known.ID != now.ID:
		return a.answerOrder(c, http.StatusCreated, now, o.Warnings)
	}
	return a.answerOrder(c, http.StatusOK, now, o.Warnings)
}

// goesOn tells that an order that was to be cancelled was not.
func goesOn(o *intake.JSONOrder, now *worklist.Order) error {
	if o.Action != "cancel" || now.Status == worklist.Cancelled || now.Status == worklist.Discontinued {
		return nil
	}
	return &intake.Wrong{Status: http.StatusConflict, Detail: "the order is " + string(now.Status) + ", and is not cancelled"}
}

// noOrder tells why a message that was kept made no order.
func (a *App) noOrder(c echo.Context, scope halong.Scope, seq uint64) error {
	m, err := a.data.Index.Message(c.Request().Context(), scope, seq)
	if err != nil {
		return err
	}
	return &intake.Wrong{Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf("the order was kept as message %d, and made no order: %s", seq, m.Note)}
}

func (a *App) answerOrder(c echo.Context, status int, o *worklist.Order, warnings []intake.Wrong) error {
	c.Response().Header().Set(echo.HeaderLocation, a.base("/api/orders/"+strconv.FormatInt(o.ID, 10)))
	return noStore(c, status, struct {
		orderView
		Warnings []intake.Wrong `json:"warnings,omitempty"`
	}{viewOf(o), warnings})
}

func noStore(c echo.Context, status int, v any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(status, v)
}

// orderPage is a page of orders; After is what to ask the next one with.
type orderPage struct {
	Orders []orderView `json:"orders"`
	After  string      `json:"after,omitempty"`
}

// listOrders answers GET /api/orders?number=&patient=&status=&limit=&after=: orders, the last changed first.
func (a *App) listOrders(c echo.Context) error {
	scope, _, err := scope(c)
	if err != nil {
		return err
	}
	l := worklist.Listing{Number: c.QueryParam("number"), PatientID: c.QueryParam("patient"), Status: worklist.Status(c.QueryParam("status")), Limit: 100}
	if n := c.QueryParam("limit"); n != "" {
		if l.Limit, err = strconv.Atoi(n); err != nil || l.Limit < 1 || l.Limit > 1000 {
			return echo.NewHTTPError(http.StatusBadRequest, "limit is 1 to 1000")
		}
	}
	if l.Status != "" && !l.Status.Known() {
		return echo.NewHTTPError(http.StatusBadRequest, "status is scheduled, arrived, ready, started, departed, held, completed, discontinued or cancelled")
	}
	if s := c.QueryParam("after"); s != "" {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if _, scan := fmt.Sscanf(string(b), "%d.%d", &l.Before, &l.BeforeID); err != nil || scan != nil {
			return echo.NewHTTPError(http.StatusBadRequest, "after is none that a page gave")
		}
	}
	all, err := a.data.Index.List(c.Request().Context(), scope, l)
	if err != nil {
		return err
	}
	page := orderPage{Orders: make([]orderView, 0, len(all))}
	for _, o := range all {
		page.Orders = append(page.Orders, viewOf(o))
	}
	if len(all) == l.Limit {
		last := all[len(all)-1]
		page.After = base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("%d.%d", last.Updated.UnixMicro(), last.ID)))
	}
	return noStore(c, http.StatusOK, page)
}

// order finds the order that a path names.
func (a *App) order(c echo.Context) (*worklist.Order, error) {
	scope, _, err := scope(c)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return nil, halong.E("app.orders", halong.NotExist, "", nil)
	}
	return a.data.Index.FindOrderID(c.Request().Context(), scope, id)
}

// getOrder answers GET /api/orders/{id}.
func (a *App) getOrder(c echo.Context) error {
	o, err := a.order(c)
	if err != nil {
		return err
	}
	return noStore(c, http.StatusOK, viewOf(o))
}

// cancelOrder answers POST /api/orders/{id}/cancel, which is an order with the action cancel: 409 when the work has begun.
func (a *App) cancelOrder(c echo.Context) error {
	o, err := a.order(c)
	if err != nil {
		return err
	}
	if !ownsFacility(c, o.Facility) || o.Placer.ID == "" {
		return halong.E("app.orders", halong.Permission, "", nil)
	}
	x := &intake.JSONOrder{Number: o.Placer.ID, Authority: o.Placer.Authority, Action: "cancel"}
	s, _, err := scope(c)
	if err != nil {
		return err
	}
	return a.submitOrder(c, s, o.Facility, x, o, intake.ControlID(o.Facility, []byte(strings.Join([]string{"cancel", o.Placer.ID, o.Updated.String()}, "\x00"))))
}

// ownsFacility tells whether the caller may change what belongs to a facility.
func ownsFacility(c echo.Context, f halong.Facility) bool {
	p := principal(c)
	return p.Scope.All || p.Facility == f
}

// statusChange is the body of POST /api/orders/{id}/status.
type statusChange struct {
	Status worklist.Status `json:"status"`
	Step   *int            `json:"step"` // from 0; all when absent
}

// setOrderStatus answers POST /api/orders/{id}/status: the patient has arrived, a step is done that nobody told of.
func (a *App) setOrderStatus(c echo.Context) error {
	o, err := a.order(c)
	if err != nil {
		return err
	}
	if !ownsFacility(c, o.Facility) {
		return halong.E("app.orders", halong.Permission, "", nil)
	}
	x, step := statusChange{}, -1
	if err := readOrder(c, &x); err != nil {
		return err
	}
	if !x.Status.Known() {
		return &intake.Wrong{Pointer: "/status", Detail: "is no state of an order"}
	}
	if x.Step != nil {
		step = *x.Step
		if step < 0 || step >= len(o.Steps) {
			return &intake.Wrong{Pointer: "/step", Detail: fmt.Sprintf("is none of the order's %d steps, which are counted from 0", len(o.Steps))}
		}
	}
	ctx, source := c.Request().Context(), halong.Source{Protocol: "HTTP", Peer: principal(c).Name, Address: c.RealIP()}
	err = a.data.worklist.SetStatus(ctx, halong.Scope{Own: o.Facility}, o.ID, step, x.Status, source, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return err
	}
	return a.getOrder(c)
}
