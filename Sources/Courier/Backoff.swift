internal import Kernel

/// How long to wait before what failed is tried again. Pure; chance comes as a parameter.
enum Backoff {
    /// Longest wait inside a call; what takes longer goes back to the queue.
    static let insideMost = Duration.seconds(2)
    /// Tries of one call, the first included.
    static let triesMost = 4
    /// Between the tries of a call, growing.
    static let insideFirst = Duration.milliseconds(300)
    /// A throttle that names no time.
    static let throttleFirst = Duration.seconds(2)
    static let throttleMost = Duration.seconds(60)
    /// A throttle that names next to none.
    static let throttleLeast = Duration.milliseconds(50)
    /// Longest pause of a budget of a day or longer that seems to be spent, and refusals in a row after which it does.
    static let spentMost = Duration.seconds(3_600)
    static let spentAfter = 4
    /// No limit holds longer than its window, and none longer than this.
    static let askedMost = Duration.seconds(86_400)
    /// A time that a platform names is believed up to here even where its window is shorter.
    static let askedTrusted = Duration.seconds(300)

    /// `first` doubled `times` times, at most `most`.
    static func doubled(_ first: Duration, times: Int, most: Duration) -> Duration {
        var out = first
        for _ in 0 ..< max(0, min(times, 64)) where out < most { out = out * 2 }
        return min(out, most)
    }

    /// The time and up to a quarter more, so that many who wait do not come back together.
    static func jittered(_ time: Duration, _ random: any RandomSource) -> Duration {
        let quarter = UInt64(clamping: max(0, time.wholeMicroseconds / 4))
        return time + .microseconds(Int64(random.number(below: quarter + 1)))
    }

    /// How long before one call is tried again, by what stopped it; `nil` when it goes back to the queue or to a person. `tries`: so far.
    static func inside(tries: Int, after fault: Fault, random: any RandomSource) -> Duration? {
        guard tries < triesMost else { return nil }
        switch fault.disposition {
        case .retry:
            let asked = fault.retryAfter ?? .zero
            guard asked <= insideMost else { return nil }
            return max(asked, jittered(doubled(insideFirst, times: tries - 1, most: insideMost), random))
        case .wait:
            guard let asked = fault.retryAfter, asked <= insideMost else { return nil }
            return jittered(asked, random)
        case .reauthorise, .hold, .reject, .bug: return nil
        }
    }

    /// How long a throttled bucket rests. What the platform says counts, unless it can't be meant: not longer than the limit's own window, or
    /// five minutes where that is shorter; not less than a moment that grows with each throttle in a row (`streak` from 0).
    static func throttle(asked: Duration?, window: Duration, streak: Int) -> Duration {
        let least = doubled(asked == nil ? throttleFirst : throttleLeast, times: streak, most: throttleMost)
        let most = min(max(window, askedTrusted), askedMost)
        return max(least, min(asked ?? least, most))
    }

    /// The fault with a waiting time that can be meant.
    static func bounded(_ fault: Fault) -> Fault {
        guard let asked = fault.retryAfter else { return fault }
        var out = fault
        out.retryAfter = min(max(asked, .zero), askedMost)
        return out
    }
}
