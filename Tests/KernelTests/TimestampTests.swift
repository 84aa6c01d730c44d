import Kernel
import Testing

@Suite struct TimestampTests {
    @Test(
        "RFC 3339 is read to the microsecond",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01.5Z", 1_500_000), ("1969-12-31T23:59:59.999999Z", -1),
            ("2026-11-21T09:30:00Z", 1_795_253_400_000_000), ("2026-11-21t09:30:00z", 1_795_253_400_000_000),
            ("2026-11-21 09:30:00Z", 1_795_253_400_000_000), ("2026-11-21T04:30:00-05:00", 1_795_253_400_000_000),
            ("2026-11-21T15:15:00+05:45", 1_795_253_400_000_000), ("2026-11-21T09:30:00-00:00", 1_795_253_400_000_000),
            ("2026-11-21T09:30:00.123456789Z", 1_795_253_400_123_456),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999), ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ] as [(String, Int64)])
    func reads(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(
        "a time that is not RFC 3339, or does not say where it is, is no instant",
        arguments: [
            "", "2026-11-21", "2026-11-21T09:30:00", "2026-11-21T09:30Z", "2026-11-21T09:30:00.Z",
            "2026-11-21T09:30:00,5Z",
            "2026-11-21T24:00:00Z", "2026-11-21T09:60:00Z", "2026-11-21T09:30:61Z", "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T09:30:00+24:00", "2026-11-21T09:30:00+05:60", "2026-11-21T09:30:00+5:00",
            "2026-11-21T09:30:00+05",
            "2026-11-21T09:30:00Zx", " 2026-11-21T09:30:00Z", "2026-11-21T09:30:00Z ",
            "2026-11-21T09:30:00.1234567890Z",
            "2026-11-21T09:30:00+05:3", "2026-11-21T09:30:00.5", "20261121T093000Z", "+2026-11-21T09:30:00Z",
            "2026-11-21_09:30:00Z",
            "2026-11-21T09:30:00\u{660}", "２０２６-11-21T09:30:00Z", "2026-11-21T09:30:00-", "2026-11-21T-1:30:00Z",
        ])
    func refuses(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test("printing keeps as many fraction digits as there are")
    func prints() {
        #expect(Timestamp(microseconds: 0).description == "1970-01-01T00:00:00Z")
        #expect(Timestamp(microseconds: 250_000).description == "1970-01-01T00:00:00.25Z")
        #expect(Timestamp(microseconds: 1).description == "1970-01-01T00:00:00.000001Z")
        #expect(Timestamp(microseconds: -1).description == "1969-12-31T23:59:59.999999Z")
        let time = Timestamp(microseconds: 1_795_253_400_000_000)
        #expect(time.text(offsetSeconds: -18_000) == "2026-11-21T04:30:00-05:00")
        #expect(time.text(offsetSeconds: 20_700) == "2026-11-21T15:15:00+05:45")
        #expect(
            Timestamp(rfc3339: time.text(offsetSeconds: 5025)) == time,
            "an offset with seconds is cut, the instant stays")
        #expect(Timestamp(rfc3339: time.text(offsetSeconds: -75)) == time)
    }

    @Test("what is printed is read back", arguments: [1, 2, 3] as [UInt64])
    func roundTrip(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        for _ in 0 ..< 1000 {
            let time = Timestamp(
                microseconds: Int64(random.number(below: 315_537_897_600_000_000)) - 62_135_596_800_000_000)
            #expect(Timestamp(rfc3339: time.description) == time, "seed \(seed)")
            let offset = (Int(random.number(below: 2 * 14 * 60)) - 14 * 60) * 60
            let shifted = Timestamp(
                microseconds: min(max(time.microseconds, -62_000_000_000_000_000), 253_000_000_000_000_000))
            #expect(Timestamp(rfc3339: shifted.text(offsetSeconds: offset)) == shifted, "seed \(seed)")
        }
    }

    @Test("seconds round down, also before 1970 and at the ends of the range")
    func seconds() {
        #expect(Timestamp(microseconds: -1).seconds == -1)
        #expect(Timestamp(microseconds: -1_000_000).seconds == -1)
        #expect(Timestamp(microseconds: 1_999_999).seconds == 1)
        #expect(Timestamp(microseconds: .min).seconds == -9_223_372_036_855)
        #expect(Timestamp(microseconds: .max).seconds == 9_223_372_036_854)
    }

    @Test("durations add and subtract exactly; one too long saturates")
    func durations() {
        let start = Timestamp(seconds: 100)
        #expect(start + .milliseconds(1500) - start == .milliseconds(1500))
        #expect((start - .seconds(101)).seconds == -1)
        #expect(Duration.milliseconds(-1500).wholeMicroseconds == -1_500_000)
        #expect(Duration.nanoseconds(1999).wholeMicroseconds == 1)
        #expect(Duration.seconds(Int64.max).wholeMicroseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeMicroseconds == .min)
        #expect(Duration.microseconds(1999).wholeMilliseconds == 1)
    }

    @Test("a manual clock moves only when told to, wall and monotonic time together")
    func manualClock() {
        let clocks = ManualClocks(Timestamp(seconds: 10))
        #expect(clocks.now() == Timestamp(seconds: 10) && clocks.monotonic() == .zero)
        clocks.advance(by: .seconds(5))
        #expect(clocks.now() == Timestamp(seconds: 15) && clocks.monotonic() == .seconds(5))
    }

    @Test("the machine's monotonic clock does not go back")
    func systemClock() {
        let clocks = SystemClocks()
        let first = clocks.monotonic()
        #expect(clocks.monotonic() >= first)
        #expect(clocks.now() > Timestamp(seconds: 1_700_000_000))
    }
}

@Suite struct LocalDateTests {
    @Test(
        "known days have their numbers",
        arguments: [
            ("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11016), ("2026-11-21", 20778),
            ("0001-01-01", -719_162),
            ("9999-12-31", 2_932_896), ("1900-03-01", -25508), ("0000-03-01", -719_468),
        ])
    func known(text: String, day: Int) {
        #expect(LocalDate(text)?.daysSince1970 == day)
        #expect(LocalDate(daysSince1970: day).description == text)
    }

    @Test(
        "days the calendar lacks and other spellings are refused",
        arguments: [
            "2026-02-29", "1900-02-29", "2100-02-29", "2026-04-31", "2026-00-01", "2026-13-01", "2026-01-00",
            "2026-01-32", "", "2026-1-1",
            "2026/01/01", "20260101", "2026-01-01 ", "２026-01-01", "-026-01-01", "2026-01-0a", "02026-01-01",
        ])
    func refused(text: String) {
        #expect(LocalDate(text) == nil)
    }

    @Test("every month of the years 1 to 9999 follows the one before and is read back")
    func everyMonth() throws {
        var number = -719_162
        var wrong = 0
        for year in 1 ... 9999 {
            let february = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) ? 29 : 28
            for (index, length) in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                for (day, at) in [(1, number), (15, number + 14), (length, number + length - 1)] {
                    if LocalDate(year: year, month: index + 1, day: day)?.daysSince1970 != at { wrong += 1 }
                    if LocalDate(daysSince1970: at).civil != (year, index + 1, day) { wrong += 1 }
                }
                if LocalDate(year: year, month: index + 1, day: length + 1) != nil { wrong += 1 }
                number += length
            }
        }
        #expect(wrong == 0)
        #expect(number == 2_932_897)
    }

    @Test("every day of a whole 400-year cycle is printed and read back")
    func everyDay() {
        var wrong = 0
        for number in stride(from: -719_162, to: -719_162 + 146_097, by: 1) {
            let (year, month, day) = LocalDate(daysSince1970: number).civil
            if LocalDate(year: year, month: month, day: day)?.daysSince1970 != number { wrong += 1 }
        }
        for number in stride(from: -719_162, through: 2_932_896, by: 997) {
            if LocalDate(LocalDate(daysSince1970: number).description)?.daysSince1970 != number { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test("days are ordered and added across months and leap days")
    func adding() throws {
        let day = try #require(LocalDate("2028-02-28"))
        #expect(day.adding(days: 1).description == "2028-02-29")
        #expect(day.adding(days: 2).description == "2028-03-01")
        #expect(day.adding(days: -59).description == "2027-12-31")
        #expect(day < day.adding(days: 1))
    }
}
