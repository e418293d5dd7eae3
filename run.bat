@echo off
rem Sets FeXT up in .venv beside this file when that is needed, then runs it.
rem
rem   run.bat                      open the terminal UI
rem   run.bat setup [EXTRA ...]    install or repair only; EXTRA is an optional part, such as tensorboard
rem   run.bat test [PYTEST ARGS]   install what the tests need and run them
rem   run.bat maintenance          the maintenance console
rem   run.bat VERB ...             the same as `fext VERB ...`; `run.bat --help` lists the verbs
rem
rem FEXT_PYTHON names the Python to use (3.11 to 3.13). FEXT_TORCH chooses PyTorch: a version such as 2.12.1,
rem or a requirement such as "torch==2.13.0+cpu"; `auto` goes back to the build that suits the machine.
rem What it does is what run.sh does; this file keeps CRLF line ends, which cmd needs to find its labels.
setlocal EnableExtensions DisableDelayedExpansion

set "OLDEST_TORCH=2.11"
set "TORCH=2.13.0"
set "PROJECT=%~dp0"
set "PROJECT=%PROJECT:~0,-1%"
set "VENV=%PROJECT%\.venv"
set "PYTHON=%VENV%\Scripts\python.exe"
set "STATE=%VENV%\setup"
set "LOG=%VENV%\setup.log"
set "PYTHONHOME="
set "EXTRAS="
set "REST="
for /f "tokens=1,*" %%A in ("%*") do set "REST=%%B"

rem The stamp says what the last finished set-up made: the environment's folder, Python's version, FEXT_PYTHON,
rem FEXT_TORCH and the extras. Python reads and writes it, for cmd mangles names that its code page lacks.
set "READY=import os, sys; e = os.environ.get; s = open(os.path.join(sys.prefix, 'setup', 'stamp'), encoding='utf-8').read().split('\n'); sys.exit(not (s[0] == sys.prefix and s[1] == sys.version[:4] and (e('FEXT_PYTHON') or s[2]) == s[2] and (e('FEXT_TORCH') or s[3]) == s[3] and set(e('EXTRAS', '').split()) <= set(s[4].split())))"
set "STAMP=import os, sys; e = os.environ.get; open(os.path.join(sys.prefix, 'setup', 'stamp'), 'w', encoding='utf-8').write('\n'.join([sys.prefix, sys.version[:4], e('WANT_PYTHON', ''), e('WANT_TORCH', ''), ' '.join(sorted(set(e('ALL_EXTRAS', '').split()))), '']))"
set "PROBE=import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14) or sys.maxsize < 2**32 or sys.prefix != sys.base_prefix)"
set "RUNS=import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))"
set "LOADS=import cv2, matplotlib, numpy, PIL, safetensors, scipy, textual, torch, fext_engine, fext_tui, sys; print('  Python', sys.version.split()[0], 'with PyTorch', torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else 'on the CPU')"
set "PIN=from importlib.metadata import version; print('torch==' + version('torch'))"
set "SPACE=import os, shutil, sys; free = shutil.disk_usage(sys.prefix).free >> 30; need = int(os.environ['NEED_GB']); free < need and print('  WARNING: only', free, 'GB are free here, which may not be enough.')"

rem What an update from an archive was cut off at is undone: .update\old has copies of all that it replaces.
rem cmd reads on in a file that is replaced while it runs: this is one line, as is what runs FeXT below.
if exist "%PROJECT%\.update\old\" (xcopy "%PROJECT%\.update\old" "%PROJECT%" /e /h /k /q /r /y >nul && rmdir /s /q "%PROJECT%\.update" && "%~f0" %*)
if exist "%PROJECT%\.update\" if not exist "%PROJECT%\.update\old\" rmdir /s /q "%PROJECT%\.update"
if exist "%PROJECT%\.update\old\" (
    echo An update of FeXT was cut off and could not be undone: is the disk full, or the folder not writable?
    exit /b 1
)

if "%~1"=="setup" set "EXTRAS=%REST%"
if "%~1"=="test" set "EXTRAS=test"

call :ready
if errorlevel 1 goto not_ready
if not "%~1"=="maintenance" goto is_ready
"%PYTHON%" -I -c "import fext_engine.maintenance.console" >nul 2>nul && goto start
set "BROKEN=yes"
goto maintain_without_python
:is_ready
if not "%~1"=="setup" goto start
"%PYTHON%" -I -c "%LOADS%"
if errorlevel 1 (
    echo What is installed does not load; it is installed anew.
    set "BROKEN=yes"
    goto set_up
)
echo FeXT is set up already.
exit /b 0

:set_up
if not exist "%STATE%\" mkdir "%STATE%" 2>nul
if not exist "%STATE%\" (
    echo FeXT needs installing or repairing, but "%PROJECT%" cannot be written to.
    echo Make it writable, or copy the project to a folder of yours and run "run.bat setup" there.
    exit /b 1
)
rem The lock is a file held open: Windows frees it when its holder ends, however it ends.
set "HELD="
:wait
2>nul (
    9>"%STATE%\lock" (call ) || goto occupied
)
call :locked 9>"%STATE%\lock"
if not defined HELD goto occupied
if errorlevel 1 exit /b 1
if "%~1"=="setup" exit /b 0

:start
if not defined FEXT_RESOURCES if not exist "resources\" set "FEXT_RESOURCES=%PROJECT%\resources"
if "%~1"=="test" goto test
if "%~1"=="maintenance" goto maintenance
rem 85: an uninstall was agreed to, and Python cannot delete what it runs from.
"%VENV%\Scripts\fext.exe" %* & (if errorlevel 85 if not errorlevel 86 rmdir /s /q "%VENV%") & exit /b

:test
cd /d "%PROJECT%"
set "FEXT_RESOURCES="
"%PYTHON%" -m pytest %REST%
exit /b %ERRORLEVEL%

:maintenance
"%PYTHON%" -P -m fext_engine.maintenance %REST% & (if errorlevel 85 if not errorlevel 86 rmdir /s /q "%VENV%") & exit /b

:occupied
if not defined WAITED echo Another set-up of FeXT is at work; waiting for it.
set "WAITED=yes"
ping -n 2 localhost >nul
goto wait

:ready
if not exist "%VENV%\Scripts\fext.exe" exit /b 1
if exist "%STATE%\unfinished" exit /b 1
fc /b "%PROJECT%\pyproject.toml" "%STATE%\pyproject.toml" >nul 2>nul || exit /b 1
"%PYTHON%" -I -c "%READY%" 2>nul
exit /b %ERRORLEVEL%

rem --- Maintenance where the console, which is Python's, cannot run: nothing is downloaded unasked ---
:not_ready
if not "%~1"=="maintenance" goto set_up
:maintain_without_python
echo FeXT's environment in "%VENV%" is missing, damaged or out of date. What is to be done?
echo   1  Set it up, then open the maintenance console
echo   2  Uninstall: delete that folder, nothing else
set "ANSWER="
set /p "ANSWER=Number, or Enter to leave: "
if "%ANSWER%"=="1" goto set_up
if not "%ANSWER%"=="2" exit /b 0
set "ANSWER="
set /p "ANSWER=Delete it with all that is in it, for good? [y/N] "
if /i not "%ANSWER%"=="y" exit /b 0
rmdir /s /q "%VENV%"
exit /b

rem --- The set-up, by whoever holds the lock ---
:locked
set "HELD=yes"
if defined BROKEN goto begin
call :ready
if not errorlevel 1 exit /b 0
if exist "%STATE%\unfinished" set "BROKEN=yes"
:begin
set "OLD_PYTHON="
set "OLD_TORCH="
set "OLD_EXTRAS="
if exist "%STATE%\stamp" (
    <"%STATE%\stamp" (
        set /p "UNUSED="
        set /p "UNUSED="
        set /p "OLD_PYTHON="
        set /p "OLD_TORCH="
        set /p "OLD_EXTRAS="
    )
)
set "WANT_PYTHON=%OLD_PYTHON%"
if defined FEXT_PYTHON set "WANT_PYTHON=%FEXT_PYTHON%"
set "WANT_TORCH=%OLD_TORCH%"
if defined FEXT_TORCH set "WANT_TORCH=%FEXT_TORCH%"
set "ALL_EXTRAS=%OLD_EXTRAS% %EXTRAS%"
type nul >"%STATE%\unfinished"
type nul >"%LOG%"
set "UV="
where uv >nul 2>nul && set "UV=yes"
echo Setting FeXT up in "%VENV%"

set "STEP=1 of 4, making the Python environment"
echo Step %STEP%
if defined BROKEN goto make
if not "%WANT_PYTHON%"=="%OLD_PYTHON%" goto make
"%PYTHON%" -I -c "%RUNS%" >>"%LOG%" 2>&1 && goto torch
:make
for %%D in (Scripts Lib Include share) do if exist "%VENV%\%%D" rmdir /s /q "%VENV%\%%D"
if exist "%VENV%\pyvenv.cfg" del /q "%VENV%\pyvenv.cfg"
set "BASE="
if defined WANT_PYTHON (
    call :try "%WANT_PYTHON%"
) else (
    for %%P in ("py -3.13" "py -3.12" "py -3.11" "python" "python3") do call :try %%~P
)
if defined BASE goto have_python
if defined WANT_PYTHON (
    call :fail "FEXT_PYTHON=%WANT_PYTHON% is not a working 64-bit Python 3.11 to 3.13: name another."
    exit /b 1
)
if defined UV goto uv_python
call :fail "No working 64-bit Python 3.11, 3.12 or 3.13 was found: install one from python.org, or install uv, which brings its own."
exit /b 1
:have_python
%BASE% -m venv "%VENV%" >>"%LOG%" 2>&1 && goto torch
:uv_python
if defined UV uv venv --allow-existing --python ">=3.11,<3.14" "%VENV%" && goto torch
call :fail "Python could not make an environment."
exit /b 1

:torch
set "STEP=2 of 4, installing PyTorch"
echo Step %STEP%
set "GPU="
nvidia-smi -L >nul 2>nul && set "GPU=yes"
set "VERSION=%TORCH%"
set "SPEC="
if "%WANT_TORCH%"=="auto" set "WANT_TORCH="
if not defined WANT_TORCH goto announce
set "SPEC=%WANT_TORCH%"
for /f "delims=0123456789" %%C in ("%WANT_TORCH:~0,1%x") do if "%%C"=="x" set "SPEC=torch==%WANT_TORCH%"
:announce
set "NEED_GB=3"
if defined GPU if defined UV set "NEED_GB=8"
echo   PyTorch and everything else: about 1 GB to download, 3 GB with CUDA; %NEED_GB% GB on the disk.
echo   FEXT_TORCH chooses another build.
"%PYTHON%" -I -c "%SPACE%"
if not defined UV goto pip_torch
set "UV_SPEC=torch>=%OLDEST_TORCH%,<=%TORCH%"
if defined SPEC set "UV_SPEC=%SPEC%"
uv pip install --python "%PYTHON%" --torch-backend=auto "%UV_SPEC%" && goto project
echo   uv could not install PyTorch (its reason is above); pip does it.
set "UV="
:pip_torch
if defined GPU if not defined SPEC (
    echo   NOTE: pip's own index has no CUDA build for Windows. For the NVIDIA GPU install uv, or set FEXT_TORCH
    echo   with PIP_EXTRA_INDEX_URL as PyTorch's own page of installation says, then run "run.bat setup".
)
if not defined SPEC set "SPEC=torch==%TORCH%"
call :ensure_pip || exit /b 1
"%PYTHON%" -I -m pip --disable-pip-version-check --log "%LOG%" install "%SPEC%" && goto project
call :fail "Check the network, the proxy and the free disk space; FEXT_TORCH chooses another build."
exit /b 1

:project
set "STEP=3 of 4, installing FeXT and its libraries"
echo Step %STEP%
"%PYTHON%" -I -c "%PIN%" >"%STATE%\constraints.txt"
set "TARGET=."
for %%E in (%ALL_EXTRAS%) do call :add_extra %%E
if not "%TARGET%"=="." set "TARGET=%TARGET%]"
pushd "%PROJECT%"
if not defined UV goto pip_project
uv pip install --python "%PYTHON%" --torch-backend=auto -c "%STATE%\constraints.txt" -e "%TARGET%" && goto check
echo   uv could not install everything (its reason is above); pip does it.
:pip_project
call :ensure_pip || exit /b 1
"%PYTHON%" -I -m pip --disable-pip-version-check --log "%LOG%" install -c "%STATE%\constraints.txt" -e "%TARGET%" && goto check
popd
call :fail "Check the network, the proxy and the free disk space."
exit /b 1

:check
popd
set "STEP=4 of 4, checking that everything loads"
echo Step %STEP%
"%PYTHON%" -I -c "%LOADS%" && goto stamp
call :fail "If it goes on, remove %VENV% and begin anew."
exit /b 1
:stamp
copy /y "%PROJECT%\pyproject.toml" "%STATE%\pyproject.toml" >nul && "%PYTHON%" -I -c "%STAMP%" && del /q "%STATE%\unfinished" && goto note
call :fail "Is the disk full?"
exit /b 1
:note
rem An update from an archive asks what was changed since.
"%PYTHON%" -I -m fext_engine.maintenance.project_files >>"%LOG%" 2>&1
echo Ready.
exit /b 0

rem --- Called from above ---
:try
if defined BASE exit /b 0
%* -I -c "%PROBE%" >>"%LOG%" 2>&1 && set BASE=%*
exit /b 0

:ensure_pip
"%PYTHON%" -I -m pip --version >nul 2>nul && exit /b 0
"%PYTHON%" -I -m ensurepip >>"%LOG%" 2>&1 && exit /b 0
call :fail "This Python has no pip and cannot make one: install Python from python.org."
exit /b 1

:add_extra
if "%TARGET%"=="." (set "TARGET=.[%1") else set "TARGET=%TARGET%,%1"
exit /b 0

:fail
echo.
echo Step %STEP%, failed. %~1
echo The whole output is above or in "%LOG%". Then run "run.bat setup" again.
exit /b 1
