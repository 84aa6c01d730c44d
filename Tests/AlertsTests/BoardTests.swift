import AlertRules
import Kernel
import Store
import Testing

@testable import Alerts

@Suite("What becomes of alerts") struct BoardTests {
    private let all = Set(AlertCause.allCases)

    @Test("three hundred documents held for one code are one alert with a count, whatever else is said of some of them")
    func grouped() throws {
        let fact = AlertFact.sample("held/f/unmapped_tax_code", code: "unmapped_tax_code", words: "no tax code of the ledger is bound to GB@20", items: 300)
        let alert = try #require(Observing.seen(fact, AlertBounds(), now: noon))
        #expect(alert.items == 300 && alert.row.severity == .warning && alert.opens)
        #expect(alert.row.cause == "300 documents of shop-to-books are held by unmapped_tax_code: no tax code of the ledger is bound to GB@20")
        let mixed = AlertFact.sample("held/f/unbalanced", code: "unbalanced", words: "off by 0.01", items: 3, kinds: 3)
        #expect(Observing.seen(mixed, AlertBounds(), now: noon)?.row.cause == "3 documents of shop-to-books are held by unbalanced: off by 0.01 (and 2 other reasons)")
        let step = Board.step([], [alert, alert], looked: all, now: noon)
        #expect(step.open == [alert] && step.refresh.isEmpty && step.resolve.isEmpty)
    }

    @Test("a refund without its return is an alert once a day has passed, and not before")
    func refundWithoutReturn() throws {
        for (age, opens) in [(Duration.seconds(23 * 3600), false), (.seconds(24 * 3600), true)] {
            let fact = AlertFact.sample("held/f/waits_for_return", code: "waits_for_return", words: "no return is known", since: noon - age)
            let alert = try #require(Observing.seen(fact, AlertBounds(), now: noon))
            #expect(alert.opens == opens && alert.row.cause.contains("held by waits_for_return: no return is known") && alert.row.remedy == "r")
        }
        let other = AlertFact.sample("held/f/unbalanced", code: "unbalanced", since: noon)
        #expect(Observing.seen(other, AlertBounds(), now: noon)?.opens == true)
    }

    @Test("what may come by itself is an alert only after a day", arguments: ["waits_for_closing", "waits_for_money"])
    func patient(code: String) throws {
        for (age, opens) in [(Duration.seconds(3600), false), (.seconds(25 * 3600), true)] {
            let fact = AlertFact.sample("held/f/\(code)", code: code, words: "w", since: noon - age)
            #expect(try #require(Observing.seen(fact, AlertBounds(), now: noon)).opens == opens)
        }
    }

    @Test("what is new opens, what changed is counted anew, what is as it was is left alone, what is gone is resolved")
    func steps() {
        let known = StandingAlert.sample("held/f/a"), other = StandingAlert.sample("held/f/b"), gone = StandingAlert.sample("rejected/f/c")
        let step = Board.step([known, other, gone], [seen("held/f/a"), seen("held/f/b", items: 2), seen("held/f/n")], looked: all, now: noon)
        #expect(step.open.map(\.row.key) == ["held/f/n"])
        #expect(step.refresh.map(\.row.key) == ["held/f/b"])
        #expect(step.resolve.map(\.key) == ["rejected/f/c"])
    }

    @Test("one tenant's alert keeps nobody else's open")
    func tenants() {
        let step = Board.step([.sample("held/f/a", tenantTwo)], [seen("held/f/a")], looked: all, now: noon)
        #expect(step.open.map(\.tenant) == [tenantOne])
        #expect(step.resolve.map(\.tenant) == [tenantTwo])
    }

    @Test("a resolved alert that is seen again is opened as the same group, and one that is not stays resolved")
    func again() {
        let over = StandingAlert.sample("held/f/a", isOpen: false)
        #expect(Board.step([over], [seen("held/f/a")], looked: all, now: noon).open.map(\.row.key) == ["held/f/a"])
        #expect(Board.step([over], [], looked: all, now: noon) == Board.Changes())
    }

    @Test("what does not open an alert yet keeps an open one open, and its words")
    func keeps() {
        let quiet = seen("credential/c", "", opens: false)
        #expect(Board.step([], [quiet], looked: all, now: noon) == Board.Changes())
        #expect(Board.step([.sample("credential/c")], [quiet], looked: all, now: noon) == Board.Changes())
    }

    @Test("of what was not looked at nothing is resolved")
    func looked() {
        let silent = StandingAlert.sample("silent/c")
        #expect(Board.step([silent], [], looked: all.subtracting([.silent]), now: noon) == Board.Changes())
        #expect(Board.step([silent], [], looked: all, now: noon).resolve == [silent])
    }

    @Test("what whoever raised it takes back is left to him; what is seen only when something is tried is over a while after it came last")
    func upkeep() {
        let day = StandingAlert.sample("unexplained/f/2026-11-02"), job = StandingAlert.sample("quarantined/post f")
        let old = StandingAlert.sample("fetch/c/x", last: noon - .seconds(2 * 3600)), strange = StandingAlert.sample("omen/x", last: noon - .seconds(25 * 3600))
        let young = StandingAlert.sample("fetch/c/y", last: noon - .seconds(7199)), mended = StandingAlert.sample("configuration/x", last: noon - .seconds(900))
        let spent = StandingAlert.sample("quota_spent/c/day", last: noon - .seconds(900)), file = StandingAlert.sample("attachment/c", last: noon - .seconds(999_999))
        let account = StandingAlert.sample("account/c/84", last: noon - .seconds(999_999))
        let still = seen("quota_spent/c/day", opens: false)
        #expect(Board.step([day, job, old, young, strange, mended, spent, file, account], [still], looked: all, now: noon).resolve == [old, strange, mended])
        #expect(Board.step([], [still], looked: all, now: noon) == Board.Changes(), "a budget that rests opens nothing by itself")
    }

    @Test("every cause that is counted makes a sentence, and every one that is not is left alone")
    func sentences() {
        for cause in AlertCause.allCases {
            let fact = AlertFact.sample("\(cause.rawValue)/f/x", items: 2, since: noon - .seconds(86_400))
            let made = Observing.seen(fact, AlertBounds(), now: noon)
            let counted: Bool = cause.upkeep == .surveyed && ![.quota, .silent].contains(cause) || [.fetch, .quotaSpent, .configuration].contains(cause)
            #expect((made != nil) == counted, "\(cause)")
            // A connection that is new again keeps the words that it has.
            if let made, cause != .credential, cause.upkeep == .surveyed { #expect(!made.row.remedy.isEmpty && made.row.cause.count > 20, "\(cause): \(made.row)") }
        }
    }

    @Test("a credential whose account nobody could ask for ten minutes is told of, and till then what was said of the connection stands; so does what is known to be wrong with it")
    func unidentified() throws {
        func seen(_ seconds: Int, words: String = "", state: String = "new") throws -> SeenAlert {
            var fact = AlertFact.sample("credential/c", place: "books", code: "xero", words: words, since: noon - .seconds(seconds))
            fact.remedy = state
            return try #require(Observing.seen(fact, AlertBounds(), now: noon))
        }
        for quiet in [try seen(599), try seen(9_999, words: "it belongs to acme"), try seen(9_999, words: "it belongs to acme", state: "paused")] {
            #expect(!quiet.opens && quiet.row.cause.isEmpty)
        }
        let late = try seen(600)
        #expect(late.opens && late.row.severity == .critical && late.row.cause.contains("books") && !late.row.remedy.isEmpty)
    }

    @Test("one platform's clock is its own, those of several are ours, ahead or behind")
    func clocks() throws {
        let one = try #require(Observing.seen(.sample("clock/platforms", place: "shop (woocommerce)", words: "-400"), AlertBounds(), now: noon)).row
        #expect(one.cause == "the clock of shop (woocommerce) is 400 seconds behind ours, by the times of its answers" && one.remedy.contains("tell the platform"))
        let all = try #require(Observing.seen(.sample("clock/platforms", place: "books (x), shop (y)", words: "400", items: 2), AlertBounds(), now: noon)).row
        #expect(all.cause.hasPrefix("the clocks of books (x), shop (y) are 400 seconds ahead of ours") && all.remedy.contains("this host's own clock"))
    }

    @Test("lag, silence of a platform and unknown outcomes are alerts only beyond their bound, and keep what is open open before it")
    func bounds() {
        let bounds = AlertBounds(lag: .seconds(600), down: .seconds(900))
        // One webhook may be overtaken by a sweep.
        #expect(Observing.seen(.sample("webhooks/c", items: 2), bounds, now: noon)?.opens == false)
        #expect(Observing.seen(.sample("webhooks/c", items: 3), bounds, now: noon)?.opens == true)
        #expect(Observing.seen(.sample("webhooks/c", items: 3, since: noon - .seconds(59)), bounds, now: noon)?.opens == false)
        for (key, most) in [("lag/work", 600), ("down/c", 900), ("unknown/f", 900)] {
            #expect(Observing.seen(.sample(key, since: noon - .seconds(most - 1)), bounds, now: noon)?.opens == false, "\(key)")
            #expect(Observing.seen(.sample(key, since: noon - .seconds(most)), bounds, now: noon)?.opens == true, "\(key)")
        }
        #expect(Observing.seen(.sample("lag/work", since: noon - .seconds(2400)), bounds, now: noon)?.row.severity == .critical)
    }

    @Test("a job that crashes workers is told of once what is at fault was not found for half a minute; a bad end without a job at once")
    func crashing() {
        func opens(_ code: String, seconds: Int) -> Bool? { Observing.seen(.sample("crash/worker", code: code, since: noon - .seconds(seconds)), AlertBounds(), now: noon)?.opens }
        #expect(opens("normalize", seconds: 29) == false && opens("normalize", seconds: 30) == true && opens("", seconds: 0) == true)
    }

    @Test("a single bad end without a job to blame is only worth knowing")
    func crashes() {
        #expect(Observing.seen(.sample("crash/worker", code: "", items: 1), AlertBounds(), now: noon)?.row.severity == .information)
        #expect(Observing.seen(.sample("crash/worker", code: "", items: 3), AlertBounds(), now: noon)?.row.severity == .warning)
        #expect(Observing.seen(.sample("crash/worker", code: "post", items: 1), AlertBounds(), now: noon)?.row.cause == "a worker of this tenant ended badly once in the midst of: post")
    }
}

@Suite("Quotas and silence") struct ObservingTests {
    private let connection = ConnectionID(SeededRandom(seed: 3).uuid())

    private func quota(_ used: Int, of amount: Int = 500, window: Duration = .seconds(86_400), passed: Duration = .seconds(43_200), said: Timestamp? = nil) -> QuotaRow {
        QuotaRow(
            tenant: tenantOne, connection: connection, slug: "books", platform: "ledgerly", name: "day", amount: amount, window: window, windowStart: noon - passed, used: used,
            saidRemaining: said.map { _ in 1 }, saidAt: said)
    }

    @Test("a day's budget is told of when it is nearly spent, with when it ends at this pace and when it begins anew, and by whose word")
    func near() throws {
        #expect(Observing.seen(quota(449), AlertBounds(), now: noon) == nil)
        let alert = try #require(Observing.seen(quota(450), AlertBounds(), now: noon))
        #expect(alert.row.severity == .warning && alert.items == 450)
        #expect(alert.row.cause == "90 % of the budget 'day' of books (ledgerly) is used, 450 of 500, by our count; at this pace it is spent at 2026-11-22T13:20:00Z; it begins anew at 2026-11-23T00:00:00Z")
        #expect(Observing.seen(quota(400), AlertBounds(quotaPercent: 80), now: noon) != nil)
        #expect(Observing.seen(quota(450, said: noon - .seconds(5)), AlertBounds(), now: noon)?.row.cause.contains("by the platform's word") == true)
        #expect(Observing.seen(quota(450, said: noon - .seconds(50_000)), AlertBounds(), now: noon)?.row.cause.contains("by our count") == true, "said before this window")
    }

    @Test("a budget that lasts has no end; one that is spent has had it; one whose window turned is whole")
    func ends() {
        #expect(Observing.ends(quota(240), now: noon) == nil, "it lasts to the window's end and beyond")
        #expect(Observing.ends(quota(251), now: noon) != nil)
        #expect(Observing.ends(quota(500), now: noon) == nil)
        #expect(Observing.ends(quota(0), now: noon) == nil)
        #expect(Observing.seen(quota(500, passed: .seconds(86_400)), AlertBounds(), now: noon) == nil)
        #expect(Observing.seen(quota(5, of: 0), AlertBounds(), now: noon) == nil)
    }

    @Test("a day's budget whose calls the platform refuses for long is spent, whatever was counted; a short pause is none")
    func refused() throws {
        var row = quota(187, of: 5_000)
        row.pausedUntil = noon + .seconds(86_400)
        row.isRefused = true
        let alert = try #require(Observing.seen(row, AlertBounds(), now: noon)).row
        #expect(alert.cause == "the budget 'day' of books (ledgerly) is spent: the platform refuses its calls until 2026-11-23T12:00:00Z, and by our count 187 of 5000 are used")
        #expect(alert.key == AlertKey.quota(connection, "day") && alert.severity == .warning && !alert.remedy.isEmpty)
        row.pausedUntil = noon + .seconds(299)
        row.isRefused = false
        #expect(Observing.seen(row, AlertBounds(), now: noon) == nil)
        var minute = quota(5, of: 60, window: .seconds(60), passed: .seconds(30))
        minute.pausedUntil = noon + .seconds(86_400)
        #expect(Observing.seen(minute, AlertBounds(), now: noon) == nil)
    }

    @Test("a minute's budget that is spent is pacing: worth knowing and no more")
    func minute() { #expect(Observing.seen(quota(60, of: 60, window: .seconds(60), passed: .seconds(30)), AlertBounds(), now: noon)?.row.severity == .information) }

    @Test("a second's budget is no news at all: it begins anew between two looks") func second() {
        #expect(Observing.seen(quota(5, of: 5, window: .seconds(1), passed: .milliseconds(1)), AlertBounds(), now: noon) == nil)
    }

    @Test("a budget of the operator's app is his own to know of, by the same measure, and no tenant's")
    func app() throws {
        func row(_ used: Int, window: Duration = .seconds(30 * 86_400)) -> AppQuotaRow {
            AppQuotaRow(platform: "ledgerly", name: "reads", amount: 500, window: window, windowStart: noon - .seconds(30), used: used)
        }
        #expect(Observing.seen(row(449), AlertBounds(), now: noon) == nil)
        let alert = try #require(Observing.seen(row(450), AlertBounds(), now: noon))
        #expect(AlertOwner(alert.tenant).isOperator && alert.row.key == "quota/app/ledgerly/reads" && alert.row.severity == .warning && alert.items == 450)
        #expect(alert.row.cause.hasPrefix("90 % of the budget 'reads' of the app at ledgerly is used, 450 of 500, by all clients together"))
        #expect(Observing.seen(row(450, window: .seconds(60)), AlertBounds(), now: noon)?.row.severity == .information)
        #expect(Observing.seen(row(500, window: .seconds(30)), AlertBounds(), now: noon) == nil, "it has begun anew")
    }

    @Test("a source that never said anything is silent after four times the floor; one that says little after three times its longest quiet")
    func quiet() throws {
        func source(spoken: Bool, gap: Duration?) -> QuietSource {
            QuietSource(
                tenant: tenantOne, connection: connection, slug: "shop", platform: "shoply", lastAt: noon, hasSpoken: spoken, knownSince: noon - .seconds(28 * 86_400),
                weeks: [:], longestGap: gap)
        }
        #expect(Observing.seen(source(spoken: false, gap: nil), AlertBounds(), now: noon + .seconds(86_399)) == nil)
        let never = try #require(Observing.seen(source(spoken: false, gap: nil), AlertBounds(), now: noon + .seconds(86_400))).row
        #expect(never.cause == "nothing has ever come from shop (shoply), which was connected at 2026-11-22T12:00:00Z" && never.key == AlertKey.silent(connection))
        let gap = Duration.seconds(20 * 3600)
        #expect(Observing.seen(source(spoken: true, gap: gap), AlertBounds(), now: noon + gap * 3 - .seconds(1)) == nil)
        let rare = try #require(Observing.seen(source(spoken: true, gap: gap), AlertBounds(), now: noon + gap * 3)).row
        #expect(rare.cause.contains("in the four weeks before it was never quiet for longer than 21 hours"))
        #expect(Observing.seen(source(spoken: true, gap: nil), AlertBounds(), now: noon + .seconds(99 * 86_400)) == nil, "too little is known")
    }

    /// A shop that sells from nine to five on weekdays.
    private func source(last: Timestamp, weeks: Int, of known: Int = 4) -> QuietSource {
        var slots: [Int: Int] = [:]
        for day in 1 ... 5 { for hour in 9 ..< 17 { slots[day * 24 + hour] = weeks } }
        return QuietSource(
            tenant: tenantOne, connection: connection, slug: "shop", platform: "shoply", lastAt: last, knownSince: last - .seconds(Int64(known) * 7 * 86_400), weeks: slots)
    }

    /// 2026-11-20, a Friday, at that hour.
    private func friday(_ hour: Int) -> Timestamp { Timestamp(seconds: 1_795_132_800 + Int64(hour) * 3600) }

    @Test("a shop that says nothing at night or at the weekend is not silent; one that says nothing for three of its usual hours is")
    func rhythm() {
        let bounds = AlertBounds(silence: .seconds(3600))
        #expect(Observing.seen(source(last: friday(16), weeks: 4), bounds, now: friday(16) + .seconds(2 * 86_400)) == nil, "the weekend")
        let monday = friday(0) + .seconds(3 * 86_400)
        #expect(Observing.seen(source(last: friday(16), weeks: 4), bounds, now: monday + .seconds(11 * 3600)) == nil, "two usual hours")
        #expect(Observing.seen(source(last: friday(16), weeks: 4), bounds, now: monday + .seconds(12 * 3600))?.items == 3)
    }

    @Test("the floor holds whatever the rhythm; without two weeks of history nothing is said, nor of hours that are not usual")
    func floor() {
        let now = friday(15)
        #expect(Observing.seen(source(last: friday(9), weeks: 4), AlertBounds(silence: .seconds(6 * 3600)), now: now) != nil)
        #expect(Observing.seen(source(last: friday(9), weeks: 4), AlertBounds(silence: .seconds(6 * 3600 + 1)), now: now) == nil)
        let low = AlertBounds(silence: .seconds(3600))
        #expect(Observing.seen(source(last: friday(9), weeks: 1, of: 1), low, now: now) == nil)
        #expect(Observing.seen(source(last: friday(9), weeks: 2, of: 2), low, now: now) != nil)
        #expect(Observing.seen(source(last: friday(9), weeks: 2, of: 4), low, now: now) == nil, "half of the weeks is not usual")
        #expect(Observing.seen(source(last: friday(9), weeks: 3, of: 4), low, now: now) != nil, "three of four are")
    }

    @Test("hours of the week are counted from Sunday, and a silence of years is counted no longer than two weeks")
    func hours() {
        #expect(Observing.missed([12], from: noon - .seconds(3600), to: noon + .seconds(3600)) == 1)
        #expect(Observing.missed([12], from: noon, to: noon + .seconds(3600)) == 0, "the hour it came in is none that was missed")
        #expect(Observing.missed([13], from: noon, to: noon + .seconds(3600)) == 0, "the hour that runs is not over")
        #expect(Observing.missed(Set(0 ..< 168), from: noon, to: noon + .seconds(400 * 86_400)) == 336)
        #expect(Observing.missed(Set(0 ..< 168), from: noon, to: noon - .seconds(86_400)) == 0)
    }
}
