/// Keys made for these tests with OpenSSL 3.0's `genpkey`; nothing else knows them.
enum SigningKeys {
    static let rsa = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCiYkX0qkCtIYcs
        Bbl4kKy3i24fOk4BmH2oakjPpGMMeU7ckAQFtnMRsWzYrgB4Tf3RJqIg0ZQdXkpM
        A1cqLbcKyuPYrchERfdESXS3cCT6WSCCkqx0x8e2j6s0oWaAHvlk5vhX/hANEG+y
        Bw/mi+BJkJvOSSAOKZVVZeiSwsrHZuxHx8/PBhhUx+2kOQQ97SsBSbZBPigXK+Hp
        93VNkTyLtEOPt1T47cLgaOofDOMiv3NH4iHKo3rNnCd7qxVBktmGo5tpDvGLXeSW
        5cef3weOJ4HxEC5d88QYVyQOjFy9xEHt+/yAcvvX+sqxUW1UhgUTGja1gCZRwTqt
        B1CdpbU9AgMBAAECggEAFM4UCfStTDFdRP/nw0GAC5Uu8wvQlkZAJU2WzhnRAfZh
        6wL9rPCzHgt2N23VzBQsBrnVMHDBsiCUUthjuNj6GIUlu6uKWur+8w4ZSO5yomu8
        bVZXB7BYD3UpWZkrTZOKXwnzvCxmSJI4SV47xI1b23kOaVf3pjDgO/yOV41jFziN
        UWbwmlNZRnxZqNbLs33NlEb+lbg/kV5KsJkJrxf1nK4NIgkMTeGpiiiD03dy5Tyk
        dJJQIWTvhxOqqANhCK8BzH19Ihh90PYuEWOY2cT6VLCRSm2bkOy1PE+UGuPF2DVP
        vWYmhEhb0q3MlJuEnkE67PuBIe25/tLq999SaVm9gQKBgQDjrWUtDRM3+KT3ZHo7
        7ftQYYeeRiJqcT+oKAxj5FAkJayAmBIpZm4Uo+wscSmZ7J4MkxJkG3NuPRebVy51
        yM6uU5lY8iAwJoslJQXxKlP2powWsq6gHj5O+4gro1ZiDpiW6uXFFdzPHhULmvRz
        opNsUvkuB7EO3EZ391m5dHT7gQKBgQC2lYuK+fy0qRG1eqgygDUEUlECo/DQBW4/
        WvvdrTkOMjIdd+MsI3CNqF/9wggyJjT73q+pU8hek6rXQmrU7jZeofgvIfOBssAq
        HNDDAReLQ10h73lAq9N7tm2IiVYyqSjhREIZT77pO3PR9lcVlVL0wbtWdLGqWTZS
        RsECoieHvQKBgQClQm0YIE985xxG/kXDTmCG3eQkvF+qx30fP8KOl2CcfEQUK02z
        g0gP71Q0hgdeVOP72J0W0N4efHWwKb3tfM6YttGuQEGg8bk6Qv9nKAQ+GnHA3/3k
        907e4bDbi/ndvx5/HQ2e2tml9P3tqJIbhTxg+nEoOikI0lbMKVyVQrTPAQKBgQCK
        TRiYOufKSM6bMr+5ERgXn+qxH1FHoPVzlA14SsAPGsKPQ8KWKnoVM1cStijTI9G6
        f2F713TM/vnHeA3IIHCamgGOYh87PRUGUTFopKka2fnvvJ+R9xWIfhTV+YGLekr2
        52dSGO+5Z0lB32DzflqJ/z1SLa5uJIlbJTEKN53N2QKBgFF1jmM5J7xBapI85Xqd
        Yc3QfY3AlN2vM1Rc6kY3ycxavuS3k+YP3rAHex/WyQ47eDzlIEFIgE4YKJOTNOIi
        /k4wpcW7TKGdpBAQtsgBc0mbAsgBu/o8alQDpKAQRr0zSFvjMFIU19qlFFNhrfL6
        e8ZJAPaLqIid0OmcvfWB1wt0
        -----END PRIVATE KEY-----
        """

    static let p256 = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8c8xPO8hqeb/ueGA
        Y8zhTi2IOnSKx5gD5GOqYqtM6iuhRANCAATjQVpdVuXHR4OUs1cBQdmE674+ZXpT
        uzBcLi5OVX3XA711CJpOmdht8rTjaF5gyWvpnBkfZP8/nTJ9z8t/DmcE
        -----END PRIVATE KEY-----
        """

    /// The older form, `EC PRIVATE KEY`.
    static let p256Older = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIFVkHApuDtpphGCHizyi9SMvXoyEUbpUog6NoqEg7NmhoAoGCCqGSM49
        AwEHoUQDQgAEqGxiTuCPUCRT7EVgdim7utWuZWOWVa3IYuMn5ad/5TBJSvph2GMh
        pWJB1lLIjmvTybzLqu/7o23n4Q/ICnyXPw==
        -----END EC PRIVATE KEY-----
        """

    static let p384 = """
        -----BEGIN PRIVATE KEY-----
        MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCfsRMWKQW5f1iPsNdC
        0D+safftOgO7U4b6HbzNbRbT0ruZVO1HFrcr6gspOO1JQtChZANiAATK3AgouwN7
        3Assyi3j+BUk9LIgVo2GsA4fffmUALbH5fAX0SGtJU9ufSWuXrU17G/PR2z4Nlft
        qQTitblc3VrsfOoRcnnFAQVaoephae/0F0yEuw7cWzzJlSssbZB9IRE=
        -----END PRIVATE KEY-----
        """

    static let p521 = """
        -----BEGIN PRIVATE KEY-----
        MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIAut6Q9rjnoyGev1wg
        ISp4izkuZfrydeoDyTXE6N4N2G33Dk0/5JDwMnd96aifAkJ5Mn8ieqZ6VC+3GxRt
        6LCSO6OhgYkDgYYABABgZRhONifcLe2IJoCvOKwCIkXXuevMi9gF2XQfZ87b9Mnq
        jlAt8hwpxfqFEMkS4QOUy2U4NCkbQqqMStSXIOZkvAF9XJCfBqfxxFRMm+EbvhkT
        bwsvgzptFz+AvkbIGr3E40btTVaGmbhPyS1sxT30b14DfSDd9mApD8tIZPi+eWov
        4Q==
        -----END PRIVATE KEY-----
        """

    static let rsaTooShort = """
        -----BEGIN PRIVATE KEY-----
        MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBANHW12OzG1wXLXJl
        Nau0V5I9OWk+Dnr3h2CEyyyXwcUnn2BsON10fQR7CPDNloH8sSCZitRbsjL2R0TO
        riaPhfaRNpEYK7qMXyGyQLSedOHeP2/cpQFcl0T2aDGwRJo5gwY0TpJOCjHaf8OT
        KiJQ+0+/Jjff/otbZHemL5jbx775AgMBAAECgYAmdeZMk8tz+ZuO2BYaPpe+ahJX
        w9QLncrmWfCTX81YQYbouW1CydMQOyzMViI7+QDOJNZZTeU/ifxOFEO/NZcr4UMF
        1kPfyhiCEgwXoxp/Mz6ErG36L7nlHHBF19ZRQEDfgkEkNF3bmTyqzhylOWECyWMn
        6h3dNPxGnIz2zkkuAQJBAOj+CLlT2/HMQLHKWX2ewdgq+KnE3LKv3JYSt9PTIepo
        LwOFo7dn+GJehmAM7ISkz8Q39Dxy/jFUUrNkpamzlukCQQDmj4FEdxG17poxAfTZ
        AxZEs16rcfJqkBiIzBe8+7ga40OPOdVSpaKZdMgCcvvfIU0026cC0IgS7eIYpudc
        s/2RAkBIiQXIRK49udwOPbPcovcwSDiACfS3gH6JDizCuoFdi6/PReSxLaIrZcgp
        0Pw1U2YHbXAQ/a/bRag1h0j36xw5AkBtxPEEibPy7HCY2JecIm4ds1BlS9Dgj04/
        AvxiS23xzzXBIQXBXX62lPUMxXXJW++INPOk0WeXq44zsnMAnekhAkEAwpAYbPap
        IAa1nFd+AlYH06TwVDQHX2HR9hVsT0LGJMq2WsfwIO6ePsHUUC+rjgq7MD9nRoUY
        u3svC1lyvRAvqA==
        -----END PRIVATE KEY-----
        """

    static let ed25519 = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIPS7Bc3i7BZxibs7yJg4epa7S2S8wNAzgQ79nCILAkjM
        -----END PRIVATE KEY-----
        """

    /// With the password `x`.
    static let encrypted = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAj2JX9BJF1zWAICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFkqeM+DjWGmZ3uQ5L54hNsEgZCa
        gPJaxmsytSjZhOI6JXB8XHhB6T9kyEEv0FI5+5n7A7/z3vh6D+cxnlksn4g+Jpiw
        L3nh8907Ivhiwb+W72yhehxw1iW/HBsotL5yH9SRY+Dz0pmYEVvoH2Nd3leU0XTo
        V6tQ2fmIIwskwi6s+vpSDi5Hs2CgYXvduOaFWZHSiAajagUv2YwGRjkrv8wrp2Y=
        -----END ENCRYPTED PRIVATE KEY-----
        """
}
